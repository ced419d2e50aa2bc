/**
 * Opens the store at a URL in a process of its own: `open-child.ts <url> [client]`. Says `open`, waits for the end of its
 * input, asks the store something, closes it without waiting for the answer and says `closed`. Where it cannot be opened
 * it says `failed`. Then nothing must be left that keeps the process.
 */

import { openStore } from '../../src/stores/open/index.ts'
import { exercise } from './open-exercise.ts'
import { loading } from './open-schemes.ts'

const [, , url = '', client] = process.argv
const load = loading(client)
try {
  const store = await openStore(url, { create: true, load })
  await exercise(store)
  console.log('open')
  for await (const _ of process.stdin);
  const read = async () => store.read('a')
  read().catch(() => undefined)
  await store.close()
  console.log('closed')
} catch (error) {
  console.log('failed', String(error))
}
