// The function app: Flex Consumption, Python 3.13.

@description('Unique part of the names.')
param token string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The app\'s identity.')
param identityId string

@description('Blob container of the deployed package.')
param packageUrl string

@description('Memory of an instance.')
param instanceMemoryMB int

@description('Most instances.')
param maximumInstanceCount int

@description('Instances that always run for orchestrations and the token counter.')
param alwaysReadyDurable int

@description('Instances that always run for blob events.')
param alwaysReadyBlob int

@description('Whether instances are spread over zones.')
param zoneRedundant bool

@description('Whether only Event Grid and allowedAddresses may call it.')
param isPrivate bool

@description('Subnet that its instances join; empty for none.')
param subnetId string

@description('Addresses (CIDR) that may call it in a private network.')
param allowedAddresses array

@description('The application settings.')
param settings object

var eventGrid = {
  name: 'event-grid'
  action: 'Allow'
  priority: 100
  tag: 'ServiceTag'
  ipAddress: 'AzureEventGrid'
}
var addresses = [for (address, i) in allowedAddresses: {
  name: 'allowed-${i}'
  action: 'Allow'
  priority: 200 + i
  tag: 'Default'
  ipAddress: address
}]

// The names are those of the groups that scale together.
var readyDurable = alwaysReadyDurable > 0 ? [{ name: 'durable', instanceCount: alwaysReadyDurable }] : []
var readyBlob = alwaysReadyBlob > 0 ? [{ name: 'blob', instanceCount: alwaysReadyBlob }] : []

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-sluice-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: zoneRedundant } // reserved: Linux
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-sluice-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: concat(readyDurable, readyBlob)
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: isPrivate ? 'Deny' : 'Allow'
      ipSecurityRestrictions: isPrivate ? concat([eventGrid], addresses) : []
      // Where packages are deployed to. It asks for an Entra sign-in (see below).
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: settings
  }

  // No user name and password for deployments.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
