import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSessions, type StoredSessions } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { type AdapterSuiteOptions, adapterSuite, type RunningServer } from 'vial/testing'
import { test } from 'vitest'
import { Client, type StoreSpy, spyOn } from '../../src/testing/adapter-case.ts'

/** Runs the published suite over one adapter. */
export function runSuite(
  options: Omit<AdapterSuiteOptions, 'test' | 'createSessions' | 'store'>,
): void {
  adapterSuite({
    ...options,
    test,
    createSessions: (given) => createSessions(given),
    store: memoryStore,
  })
}

/** Listens on a free port. */
export async function listening(server: Server): Promise<RunningServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Serves one test, with a visitor. */
export async function visiting(
  server: Server | RunningServer,
  check: (visitor: Client, origin: string) => Promise<void>,
): Promise<void> {
  const { origin, close } = 'origin' in server ? server : await listening(server)
  try {
    await check(new Client(origin), origin)
  } finally {
    await close()
  }
}

/** Sessions in memory, and the spy on their store. */
export function memorySessions(
  options: { readonly ambient?: boolean; readonly eager?: boolean } = {},
): {
  readonly sessions: StoredSessions
  readonly watch: StoreSpy
} {
  const watch = spyOn(memoryStore())
  return { sessions: createSessions({ ...options, store: watch.store }), watch }
}
