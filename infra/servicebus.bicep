// Service Bus: the queues of each kind of job, and the app's rights on each.

@description('Name of the namespace.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Standard or Premium.')
param sku string

@description('Whether it answers only through private endpoints.')
param isPrivate bool

@description('Queues for outcomes besides the out queues.')
param replyQueues array

@description('Whether the app may manage its queues, for scaling by their length.')
param manageQueues bool

@description('The app\'s identity.')
param appPrincipalId string

var roles = {
  owner: '090c5cfd-751d-490a-894a-3ce6f1109419'
  receiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  sender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
}

// What arrives twice within the window is dropped. An outcome may be published again long after, so out queues
// remember for a day. receives and sends: what the app does with the queue.
var jobQueues = [
  { name: 'audio-in', receives: true, sends: true, duplicateWindow: 'PT10M' } // sends: what is submitted over HTTP
  { name: 'audio-prepare', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'audio-out', receives: false, sends: true, duplicateWindow: 'P1D' }
  { name: 'feedback-in', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'feedback-run', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'feedback-out', receives: false, sends: true, duplicateWindow: 'P1D' }
  { name: 'reasoning-in', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'reasoning-run', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'reasoning-out', receives: false, sends: true, duplicateWindow: 'P1D' }
  { name: 'run-turns', receives: true, sends: true, duplicateWindow: 'PT10M' }
  { name: 'webhooks', receives: true, sends: true, duplicateWindow: 'PT10M' }
]
var replies = [for reply in replyQueues: { name: reply, receives: false, sends: true, duplicateWindow: 'P1D' }]
var queues = concat(jobQueues, replies)
var queueSizeMB = 5120

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: sku == 'Premium' ? { name: sku, tier: sku, capacity: 1 } : { name: sku, tier: sku }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for item in queues: {
  parent: bus
  name: item.name
  properties: {
    lockDuration: 'PT1M' // the host renews it while a function runs (host.json), so a crash is noticed within a minute
    maxDeliveryCount: 10
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: item.duplicateWindow
    requiresSession: false
    deadLetteringOnMessageExpiration: true
    defaultMessageTimeToLive: 'P14D'
    maxSizeInMegabytes: queueSizeMB
  }
}]

resource receive 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, i) in queues: if (item.receives) {
  name: guid(queue[i].id, appPrincipalId, roles.receiver)
  scope: queue[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.receiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, i) in queues: if (item.sends) {
  name: guid(queue[i].id, appPrincipalId, roles.sender)
  scope: queue[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.sender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource manage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, i) in queues: if (manageQueues && item.receives) {
  name: guid(queue[i].id, appPrincipalId, roles.owner)
  scope: queue[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.owner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

output id string = bus.id
output name string = bus.name
output host string = '${bus.name}.servicebus.windows.net'
output queueSizeBytes int = queueSizeMB * 1024 * 1024
