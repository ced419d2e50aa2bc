/**
 * Opens the DynamoDB store of a URL: `dynamodb://region/table?endpoint=http://localhost:8000`. What the URL leaves out is
 * what the environment of the AWS SDK says.
 */

import { CONNECT_TIMEOUT, loadPackages, type Opener } from '../open/client.ts'
import { checkHost, checkParameters, decoded } from '../open/url.ts'
import { type DynamodbClient, dynamodbStore } from './index.ts'

interface DynamodbPackage {
  readonly DynamoDB: new (options: object) => DynamodbClient & { destroy(): void }
}

export const openDynamodb: Opener = async (url, { load, now }) => {
  checkParameters(url, ['endpoint'])
  const { username, password, hostname, pathname } = checkHost({
    ...url,
    authority: url.authority || '-',
  })
  const name = '@aws-sdk/client-dynamodb'
  const [{ DynamoDB }] = await loadPackages<[DynamodbPackage]>(load, url.scheme, name)
  const endpoint = url.parameters.get('endpoint')
  const table = decoded(pathname.slice(1), url.scheme)
  const client = new DynamoDB({
    // With more, the SDK may repeat a write that was done, and the second answer does not show it.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT,
      requestTimeout: CONNECT_TIMEOUT,
      // Without it the SDK would warn and go on waiting.
      throwOnRequestTimeout: true,
    },
    ...(hostname !== '-' && { region: hostname }),
    ...(endpoint !== undefined && { endpoint }),
    ...(username !== '' && {
      credentials: {
        accessKeyId: decoded(username, url.scheme),
        secretAccessKey: decoded(password, url.scheme),
      },
    }),
  })
  const store = dynamodbStore(client, { now, ...(table !== '' && { table }) })
  return { store, prepare: () => store.createTable(), end: () => client.destroy() }
}
