// Sluice on Azure: one resource group with everything that the app needs. docs/deployment.md says how to deploy it.
//
// One file for each concern; this one holds the parameters and puts the files together. Whatever the code expects of
// Azure (queues, containers, tables, settings, roles) is held equal to these files by tests/unit/infra.
targetScope = 'subscription'

@description('Name of this deployment. Part of the resource group\'s name and of every resource\'s unique name.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources. It must offer Flex Consumption with Python 3.13, and the models.')
param location string

@description('dev is small and cheap; prod stores in three zones, keeps logs longer, and has room for a million jobs.')
@allowed(['dev', 'prod'])
param profile string = 'dev'

@description('Resource group to create.')
param resourceGroupName string = 'rg-${environmentName}'

// ---- Models. Defaults are in models.json. The app's limits follow from the capacities: the two can't differ. ----

@description('A model, and what one unit of capacity grants per minute: see the quota tables of Azure OpenAI, as the ratio differs by model, version and sku.')
type model = {
  name: string
  version: string
  sku: string
  tokensPerUnit: int
  requestsPerUnit: int
}

@description('Model of feedback and reasoning jobs.')
param chatModel model = loadJsonContent('models.json').chat.model

@description('Units of capacity of the chat deployment. With an existing account: the units that are reserved to this app.')
@minValue(1)
param chatCapacity int = loadJsonContent('models.json').chat.capacity[profile]

@description('Model of reasoning jobs, where they have a deployment of their own.')
param reasoningModel model = loadJsonContent('models.json').reasoning.model

@description('Units of a deployment for reasoning jobs alone; 0: they share the chat deployment and its quota.')
@minValue(0)
param reasoningCapacity int = loadJsonContent('models.json').reasoning.capacity[profile]

@description('Model of audio jobs. Whisper\'s quota counts requests only, one a minute for each unit: tokensPerUnit is 0.')
param transcriptionModel model = loadJsonContent('models.json').transcription.model

@description('Units of the transcription deployment; 0: none, and audio jobs fail with a clear error.')
@minValue(0)
param transcriptionCapacity int = loadJsonContent('models.json').transcription.capacity[profile]

@description('API version of Azure OpenAI; v1 is its version-free path.')
param openAiApiVersion string = 'v1'

@description('An Azure OpenAI account.')
type account = {
  name: string
  resourceGroup: string
}

@description('An account that is there already; an empty name makes a new one. Its deployments must bear the names of deploymentNames.')
param existingOpenAi account = { name: '', resourceGroup: '' }

@description('A name for each use of a model.')
type names = {
  chat: string
  reasoning: string
  transcription: string
}

@description('Names of the deployments.')
param deploymentNames names = { chat: 'chat', reasoning: 'reasoning', transcription: 'transcription' }

// ---- The app ----

@description('Memory of an instance, of which one runs at most 16 messages of a queue at once (host.json).')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances. A model call takes seconds: 40 instances of 16 calls are far beyond most quotas.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = profile == 'prod' ? 100 : 40

@description('Instances that always run for orchestrations and the token counter. 1 spares each job that comes to an idle app the cold start of the pump; 0 costs nothing while idle.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 1

@description('Instances that always run for blob events, whose webhook must answer within 30 seconds.')
@minValue(0)
@maxValue(20)
param alwaysReadyBlob int = profile == 'prod' ? 1 : 0

@description('Spreads instances over zones. Where always-ready instances are set, it wants two of each.')
param zoneRedundant bool = false

@description('What holds orchestrations and the token counter: the storage account, or a Durable Task Scheduler.')
@allowed(['AzureStorage', 'DurableTaskScheduler'])
param durableBackend string = 'AzureStorage'

@description('Days after which jobs that have ended are deleted; 0 keeps them for ever.')
@minValue(0)
@maxValue(3650)
param retentionDays int = 30

@description('The share of traces that is recorded, 0 to 1, by the host and by the app. Metrics and logs are kept whole.')
param tracedShare string = profile == 'prod' ? '0.1' : '1'

@description('Any other setting of docs/configuration.md, by name.')
param extraSettings object = {}

// ---- Messaging and storage ----

@description('Premium has a fixed price, private endpoints, and throughput that nobody else takes.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = 'Standard'

@description('Queues for outcomes that producers ask for by reply_to: made here, and the app may send to them.')
param replyQueues array = []

@description('Lets the app manage its queues (Azure Service Bus Data Owner on each), so that the platform scales by their length. Without it, it scales in steps of one instance.')
param scaleByQueueLength bool = false

@description('Copies of the stored data.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS'])
param storageSku string = profile == 'prod' ? 'Standard_ZRS' : 'Standard_LRS'

// ---- Network ----

@description('public: reachable from everywhere, with Entra sign-in. private: storage, Service Bus and models only through private endpoints (needs serviceBusSku Premium).')
@allowed(['public', 'private'])
param networkMode string = 'public'

@description('Subnets by resource id, and whether to make the DNS zones of private endpoints.')
type subnets = {
  app: string
  endpoints: string
  createDnsZones: bool
}

@description('Subnets that exist: app is delegated to Microsoft.App/environments. Empty ids make a network.')
param network subnets = { app: '', endpoints: '', createDnsZones: true }

@description('Addresses (CIDR) that may call the app in a private network; Event Grid always may.')
param allowedAddresses array = []

// ---- Watching over it ----

@description('Resource id of a Log Analytics workspace that exists; empty makes one.')
param existingWorkspaceId string = ''

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = profile == 'prod' ? 90 : 30

@description('Who is told of alerts and of the budget.')
param alertEmails array = []

@description('Minutes that the oldest waiting job may have waited.')
@minValue(1)
param jobAgeMinutes int = profile == 'prod' ? 60 : 240

@description('Failed jobs within 15 minutes that are too many.')
@minValue(0)
param failedJobs int = 10

@description('Calls within 15 minutes that were refused with 429 and are too many.')
@minValue(0)
param throttledCalls int = 10

@description('Monthly budget of the resource group, in the currency of the subscription; 0: none. It needs alertEmails.')
@minValue(0)
param budgetAmount int = 0

@description('First day of the month in which the budget begins. It can\'t be changed later: the hook before azd provision keeps it.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Who may send jobs and read results with the sluice command: object id in Entra; empty for nobody.')
param principalId string = ''

@description('What principalId is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName, app: 'sluice' }
var isPrivate = networkMode == 'private'
var ownOpenAi = empty(existingOpenAi.name)
var ownNetwork = isPrivate && empty(network.app)
var ownReasoning = reasoningCapacity > 0
var hasAudio = transcriptionCapacity > 0

// What is deployed. The app's limits are made of the same values (settings, below).
var forChat = [{ name: deploymentNames.chat, model: chatModel, capacity: chatCapacity }]
var forReasoning = [{ name: deploymentNames.reasoning, model: reasoningModel, capacity: reasoningCapacity }]
var forAudio = [{ name: deploymentNames.transcription, model: transcriptionModel, capacity: transcriptionCapacity }]
var forText = concat(forChat, ownReasoning ? forReasoning : [])
var deployments = concat(forText, hasAudio ? forAudio : [])

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-sluice-${token}', location: location, tags: tags }
}

module newNetwork 'network.bicep' = if (ownNetwork) {
  name: 'network'
  scope: group
  params: { name: 'vnet-sluice-${token}', location: location, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    existingWorkspaceId: existingWorkspaceId
    retentionDays: logRetentionDays
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'stsluice${token}'
    location: location
    tags: tags
    sku: storageSku
    isPrivate: isPrivate
    appPrincipalId: identity.outputs.principalId
  }
}

module serviceBus 'servicebus.bicep' = {
  name: 'servicebus'
  scope: group
  params: {
    name: 'sb-sluice-${token}'
    location: location
    tags: tags
    sku: serviceBusSku
    isPrivate: isPrivate
    replyQueues: replyQueues
    manageQueues: scaleByQueueLength
    appPrincipalId: identity.outputs.principalId
  }
}

module newOpenAi 'openai.bicep' = if (ownOpenAi) {
  name: 'openai'
  scope: group
  params: {
    name: 'aoai-sluice-${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    deployments: deployments
  }
}

// In a module of its own: an account that exists may be in another resource group.
module openAi 'openai-access.bicep' = {
  name: 'openai-access-${token}'
  scope: resourceGroup(ownOpenAi ? group.name : existingOpenAi.resourceGroup)
  params: {
    accountName: ownOpenAi ? newOpenAi!.outputs.name : existingOpenAi.name
    appPrincipalId: identity.outputs.principalId
  }
}

module scheduler 'scheduler.bicep' = if (scheduled) {
  name: 'scheduler'
  scope: group
  params: {
    name: 'dts-sluice-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module endpoints 'endpoints.bicep' = if (isPrivate) {
  name: 'endpoints'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    subnetId: ownNetwork ? newNetwork!.outputs.endpointSubnetId : network.endpoints
    createDnsZones: network.createDnsZones
    storageId: storage.outputs.id
    serviceBusId: serviceBus.outputs.id
    openAiId: openAi.outputs.id
  }
}

module app 'function.bicep' = {
  name: 'function'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.id
    packageUrl: storage.outputs.packageUrl
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyDurable: alwaysReadyDurable
    alwaysReadyBlob: alwaysReadyBlob
    zoneRedundant: zoneRedundant
    isPrivate: isPrivate
    subnetId: isPrivate ? (ownNetwork ? newNetwork!.outputs.appSubnetId : network.app) : ''
    allowedAddresses: allowedAddresses
    settings: union(settings, extraSettings)
  }
}

// Whatever the app is told. docs/configuration.md explains each.
var settings = union(always, ownReasoning ? reasoning : {}, hasAudio ? audio : {}, audioTokens > 0 ? audioByTokens : {}, scheduled ? durable : {})

var always = {
  AZURE_CLIENT_ID: identity.outputs.clientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__blobServiceUri: storage.outputs.blobUri
  AzureWebJobsStorage__queueServiceUri: storage.outputs.queueUri
  AzureWebJobsStorage__tableServiceUri: storage.outputs.tableUri
  ServiceBusConnection__fullyQualifiedNamespace: serviceBus.outputs.host
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identity.outputs.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  // The worker sends its own telemetry, and the host none on its behalf (docs/telemetry.md).
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  SLUICE_TELEMETRY: 'azure'
  SLUICE_TELEMETRY_SAMPLE_RATIO: tracedShare
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: tracedShare
  AZURE_OPENAI_ENDPOINT: openAi.outputs.endpoint
  AZURE_OPENAI_API_VERSION: openAiApiVersion
  AZURE_OPENAI_DEPLOYMENT_NAME: deploymentNames.chat
  AZURE_OPENAI_BASE_MODEL: chatModel.name
  OPENAI_TOKEN_LIMIT_PER_MINUTE: string(chatCapacity * chatModel.tokensPerUnit)
  OPENAI_REQUEST_LIMIT_PER_MINUTE: string(chatCapacity * chatModel.requestsPerUnit)
  SLUICE_RETENTION_DAYS: string(retentionDays)
}

var reasoning = {
  AZURE_OPENAI_REASONING_DEPLOYMENT_NAME: deploymentNames.reasoning
  AZURE_OPENAI_REASONING_BASE_MODEL: reasoningModel.name
  REASONING_TOKEN_LIMIT_PER_MINUTE: string(reasoningCapacity * reasoningModel.tokensPerUnit)
  REASONING_REQUEST_LIMIT_PER_MINUTE: string(reasoningCapacity * reasoningModel.requestsPerUnit)
}

var audio = {
  AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME: deploymentNames.transcription
  AZURE_OPENAI_TRANSCRIPTION_BASE_MODEL: transcriptionModel.name
  TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE: string(transcriptionCapacity * transcriptionModel.requestsPerUnit)
}

var audioTokens = transcriptionCapacity * transcriptionModel.tokensPerUnit
var audioByTokens = { TRANSCRIPTION_TOKEN_LIMIT_PER_MINUTE: string(audioTokens) }

// Overrides of host.json.
var scheduled = durableBackend == 'DurableTaskScheduler'
var durable = {
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: scheduled ? 'Endpoint=${scheduler!.outputs.endpoint};Authentication=ManagedIdentity;ClientID=${identity.outputs.clientId}' : ''
}

// The topic alone: its subscriptions need a key that the app has only after its code is there (subscriptions.bicep).
module events 'events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: 'evgt-sluice-${token}'
    location: location
    tags: tags
    storageId: storage.outputs.id
    identityId: identity.outputs.id
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    emails: alertEmails
    serviceBusId: serviceBus.outputs.id
    queueSizeBytes: serviceBus.outputs.queueSizeBytes
    openAiId: openAi.outputs.id
    modelDeployments: [for deployment in deployments: deployment.name]
    componentId: monitoring.outputs.componentId
    eventTopicId: events.outputs.id
    jobAgeMinutes: jobAgeMinutes
    failedJobs: failedJobs
    throttledCalls: throttledCalls
  }
}

module budget 'budget.bicep' = if (budgetAmount > 0 && !empty(alertEmails)) {
  name: 'budget'
  scope: group
  params: {
    name: 'sluice-${environmentName}'
    amount: budgetAmount
    start: budgetStart
    emails: alertEmails
  }
}

module operator 'operator.bicep' = if (!empty(principalId)) {
  name: 'operator'
  scope: group
  params: {
    principalId: principalId
    principalType: principalType
    storageName: storage.outputs.name
    serviceBusName: serviceBus.outputs.name
  }
}

// azd keeps these in the environment of its hooks.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_API_NAME string = app.outputs.name
output SLUICE_URL string = app.outputs.url
output SLUICE_NETWORK_MODE string = networkMode
output SLUICE_EVENT_TOPIC string = events.outputs.name
output SLUICE_IDENTITY string = identity.outputs.name
output SLUICE_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output ServiceBusConnection__fullyQualifiedNamespace string = serviceBus.outputs.host
output AzureWebJobsStorage__accountName string = storage.outputs.name
output AZURE_OPENAI_DEPLOYMENT_NAME string = deploymentNames.chat
