// Private endpoints of storage, Service Bus and the models, with the DNS zones that lead to them.

@description('Unique part of the names.')
param token string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Subnet of the endpoints.')
param subnetId string

@description('Whether to make the DNS zones. Where a policy or a hub network keeps them: false.')
param createDnsZones bool

@description('The storage account.')
param storageId string

@description('The Service Bus namespace.')
param serviceBusId string

@description('The Azure OpenAI account.')
param openAiId string

var storageSuffix = environment().suffixes.storage
var targets = [
  { name: 'blob', service: storageId, group: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
  { name: 'queue', service: storageId, group: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
  { name: 'table', service: storageId, group: 'table', zone: 'privatelink.table.${storageSuffix}' }
  { name: 'servicebus', service: serviceBusId, group: 'namespace', zone: 'privatelink.servicebus.windows.net' }
  { name: 'openai', service: openAiId, group: 'account', zone: 'privatelink.openai.azure.com' }
]
var networkId = split(subnetId, '/subnets/')[0]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-07-01' = [for target in targets: {
  name: 'pe-sluice-${target.name}-${token}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: target.name
        properties: { privateLinkServiceId: target.service, groupIds: [target.group] }
      }
    ]
  }
}]

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [for target in targets: if (createDnsZones) {
  name: target.zone
  location: 'global'
  tags: tags
}]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (target, i) in targets: if (createDnsZones) {
  parent: zone[i]
  name: 'sluice-${token}'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: networkId }
  }
}]

resource entry 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [for (target, i) in targets: if (createDnsZones) {
  parent: endpoint[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [{ name: target.name, properties: { privateDnsZoneId: zone[i].id } }]
  }
}]
