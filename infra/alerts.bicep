// What somebody has to look at. docs/runbook.md says what to do about each.

@description('Region of rules that have one.')
param location string

@description('Tags.')
param tags object

@description('Who is told. Without anybody the alerts are shown in the portal only.')
param emails array

@description('The Service Bus namespace.')
param serviceBusId string

@description('How much a queue holds.')
param queueSizeBytes int

@description('The Azure OpenAI account.')
param openAiId string

@description('Names of the model deployments.')
param modelDeployments array

@description('Application Insights.')
param componentId string

@description('Event Grid\'s topic of the storage account.')
param eventTopicId string

@description('Minutes that the oldest waiting job may have waited.')
param jobAgeMinutes int

@description('Failed jobs within 15 minutes that are too many.')
param failedJobs int

@description('Refused calls within 15 minutes that are too many.')
param throttledCalls int

resource receivers 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'sluice'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'sluice'
    emailReceivers: [for (email, i) in emails: {
      name: 'receiver-${i}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

var metricRules = [
  {
    name: 'sluice-dead-letters'
    description: 'A dead letter has stayed for 15 minutes. The app takes those of its own queues away at once; those of out queues are their consumers\' business.'
    severity: 2
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
    aggregation: 'Minimum'
    threshold: 0
  }
  {
    name: 'sluice-queue-nearly-full'
    description: 'A queue is filled to four fifths. When it is full, sending fails: outcomes stay unpublished, and producers get errors.'
    severity: 1
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'Size'
    dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
    aggregation: 'Average'
    threshold: queueSizeBytes / 5 * 4
  }
  {
    name: 'sluice-throttled'
    description: 'The model endpoint has refused calls with 429, which bookings should prevent: somebody else uses the quota, or it is smaller than the settings say.'
    severity: 3
    scope: openAiId
    namespace: 'Microsoft.CognitiveServices/accounts'
    metric: 'AzureOpenAIRequests'
    // A shared account has other deployments, which are not ours to watch.
    dimensions: [
      { name: 'StatusCode', operator: 'Include', values: ['429'] }
      { name: 'ModelDeploymentName', operator: 'Include', values: modelDeployments }
    ]
    aggregation: 'Total'
    threshold: throttledCalls
  }
  {
    name: 'sluice-events-lost'
    description: 'Event Grid has given up on an event: a recording is not transcribed, or a log file not indexed.'
    severity: 2
    scope: eventTopicId
    namespace: 'Microsoft.EventGrid/systemTopics'
    metric: 'DeadLetteredCount'
    dimensions: [{ name: 'EventSubscriptionName', operator: 'Include', values: ['*'] }]
    aggregation: 'Total'
    threshold: 0
  }
]

resource metricAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metricRules: {
  name: rule.name
  location: 'global'
  tags: tags
  properties: {
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [rule.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.metric
          metricNamespace: rule.namespace
          metricName: rule.metric
          operator: 'GreaterThan'
          threshold: rule.threshold
          timeAggregation: rule.aggregation
          dimensions: rule.dimensions
        }
      ]
    }
    actions: empty(emails) ? [] : [{ actionGroupId: receivers.id }]
  }
}]

// The events that these look for are log lines of shared/telemetry/events.py: `name field=value ...`. Where some
// lines were kept for many, itemCount says for how many. Tables have the names that Application Insights gives them, not those
// of the workspace, which may hold other apps' lines, too.
var logRules = [
  {
    name: 'sluice-failed-jobs'
    description: 'Many jobs have failed within 15 minutes.'
    severity: 2
    query: 'traces | where message startswith "job_published " and message has "status=failed" | summarize failed = sum(itemCount) by kind = extract("kind=([a-z]+)", 1, message)'
    column: 'failed'
    aggregation: 'Total'
    dimension: 'kind'
    threshold: failedJobs
  }
  {
    name: 'sluice-job-age'
    description: 'A call has been due for long and isn\'t let through: more comes in than the quota takes, or calls can\'t start.'
    severity: 2
    query: 'traces | where message startswith "pump_cycle " | extend minutes = todouble(extract("oldest_s=([0-9.]+)", 1, message)) / 60, deployment = extract("deployment=([^ ]+)", 1, message) | where isnotnull(minutes) | summarize minutes = max(minutes) by deployment'
    column: 'minutes'
    aggregation: 'Maximum'
    dimension: 'deployment'
    threshold: jobAgeMinutes
  }
  {
    name: 'sluice-faults'
    description: 'The app has met an error that it doesn\'t know: a fault of Sluice, not of a job.'
    severity: 2
    query: 'traces | where message startswith "job_fault " or message startswith "row_unreadable " or message startswith "booking_refused " | summarize faults = sum(itemCount) by event = tostring(split(message, " ")[0])'
    column: 'faults'
    aggregation: 'Total'
    dimension: 'event'
    threshold: 0
  }
]

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in logRules: {
  name: rule.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    description: rule.description
    severity: rule.severity
    enabled: true
    scopes: [componentId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: rule.column
          timeAggregation: rule.aggregation
          operator: 'GreaterThan'
          threshold: rule.threshold
          dimensions: [{ name: rule.dimension, operator: 'Include', values: ['*'] }]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(emails) ? [] : [receivers.id] }
  }
}]
