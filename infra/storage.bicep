// One storage account: the host's own data, orchestrations, the job store, payloads, logs and the deployed package.

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Copies of the data.')
param sku string

@description('Whether it answers only through private endpoints.')
param isPrivate bool

@description('The app\'s identity.')
param appPrincipalId string

// What the app uses. It would make most of these itself; here they exist before its first run, and the check of names
// in tests/unit/infra sees both sides.
var packageContainer = 'app-package'
var containers = [
  packageContainer
  'audio-in' // recordings to transcribe: a blob here starts a job
  'audio-out' // transcripts, as files
  'audio-sent' // recordings that `sluice send audio` uploads
  'claim-checks' // bodies too large for a message
  'event-dead-letters' // events that Event Grid could not deliver (subscriptions.bicep)
  'reasoning-in' // texts that reasoning jobs name
  'runs-in' // files to be made runs over HTTP
  'sluice-logs' // log files that instances have shipped
  'sluice-runs' // rows of the files of runs
  'sluice-payloads' // bodies and outcomes too large for a table
]
var tables = ['logindex', 'sluicefailures', 'sluicejobs', 'sluicelimits', 'sluicelist', 'sluicepending', 'sluiceruns']

// What the Functions host and Durable Functions need besides the app: their own containers, queues and tables.
var roles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Event Grid writes its dead letters as a trusted service, so access is denied by rule rather than switched off.
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'AzureServices' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      // No soft delete: what `sluice forget` and the retention delete has to be gone.
      deleteRetentionPolicy: { enabled: false }
      containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    }
  }

  resource tableService 'tableServices' = { name: 'default' }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [for item in containers: {
  parent: account::blobs
  name: item
}]

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [for item in tables: {
  parent: account::tableService
  name: item
}]

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in items(roles): {
  name: guid(account.id, appPrincipalId, role.value)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

output id string = account.id
output name string = account.name
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
output tableUri string = account.properties.primaryEndpoints.table
output packageUrl string = '${account.properties.primaryEndpoints.blob}${packageContainer}'
