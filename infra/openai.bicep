// An Azure OpenAI account with the model deployments. No key: Entra sign-in only.

@description('Name of the account, and of its address.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether it answers only through private endpoints.')
param isPrivate bool

@description('The deployments: each has a name, a model (name, version, sku) and a capacity in units.')
param deployments array

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  properties: {
    customSubDomainName: name // Entra sign-in needs an address of one's own
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow' }
  }
}

// One after the other: an account refuses two changes at once.
@batchSize(1)
resource deployment 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [for item in deployments: {
  parent: account
  name: item.name
  sku: { name: item.model.sku, capacity: item.capacity }
  properties: {
    model: { format: 'OpenAI', name: item.model.name, version: item.model.version }
    // Another version may have another price and another ratio of requests to tokens. It comes with a deployment of
    // ours, or else when the model would no longer answer.
    versionUpgradeOption: 'OnceCurrentVersionExpired'
  }
}]

output name string = account.name
