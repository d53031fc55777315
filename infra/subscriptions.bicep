// Leads events of new blobs to the app's blob triggers. Deployed after the code (hooks/after_deploy.py): Event Grid asks
// the app whether it wants the events, and the app has the key to answer with only once its blob triggers are there.

@description('The function app.')
param appName string

@description('The storage account\'s topic.')
param topicName string

@description('The storage account.')
param storageName string

@description('Name of the app\'s identity.')
param identityName string

// A blob in the container calls the function.
var triggers = [
  { container: 'audio-in', function: 'audio_dropped' }
  { container: 'sluice-logs', function: 'log_index' }
]

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

var webhook = 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs'
var key = listKeys('${app.id}/host/default', '2024-11-01').systemKeys.blobs_extension

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [for trigger in triggers: {
  parent: topic
  name: trigger.container
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: { endpointUrl: '${webhook}?functionName=Host.Functions.${trigger.function}&code=${key}' }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${trigger.container}/blobs/'
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'UserAssigned', userAssignedIdentity: identity.id }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: account.id, blobContainerName: 'event-dead-letters' }
      }
    }
  }
}]
