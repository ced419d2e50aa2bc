import { DynamoDB } from '@aws-sdk/client-dynamodb'
import { dynamodbStore } from 'vial/stores/dynamodb'
import type { Backend } from '../backend.ts'

export const backend: Backend = {
  service: 'dynamodb',
  async open({ url, name, first }) {
    const client = new DynamoDB({
      endpoint: url,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'race', secretAccessKey: 'race' },
      maxAttempts: 1,
    })
    const store = dynamodbStore(client, { table: name })
    if (first) await store.createTable()
    return {
      store,
      remove: () => client.deleteTable({ TableName: name }),
      close: () => client.destroy(),
    }
  },
}
