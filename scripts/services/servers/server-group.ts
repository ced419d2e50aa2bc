/** Several servers that work as one. */

import type { RunningServer } from './running-server.ts'

/** Waits for all of them. When one cannot start, the others are stopped. */
export async function allStarted(
  starts: readonly Promise<RunningServer>[],
): Promise<RunningServer[]> {
  const results = await Promise.allSettled(starts)
  const started = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = results.find((one) => one.status === 'rejected')
  if (failed === undefined) return started
  await Promise.all(started.map((server) => server.stop()))
  throw failed.reason
}

/** All of them at once, under the URL of the group. `pid` is that of the first. */
export function groupOf(url: string, members: readonly RunningServer[]): RunningServer {
  const each = async (act: (member: RunningServer) => Promise<void>): Promise<void> => {
    await Promise.all(members.map(act))
  }
  return {
    url,
    get pid() {
      return members[0]?.pid ?? 0
    },
    get processes() {
      return members.flatMap(({ processes }) => processes)
    },
    freeze() {
      for (const member of members) member.freeze()
    },
    thaw() {
      for (const member of members) member.thaw()
    },
    kill: () => each((member) => member.kill()),
    restart: () => each((member) => member.restart()),
    stop: () => each((member) => member.stop()),
  }
}

/** A server with more to it. What it computes stays computed, where a spread would keep the first value. */
export function withMore<Base extends object, More extends object>(
  server: Base,
  more: More,
): Omit<Base, keyof More> & More {
  return Object.create(server, Object.getOwnPropertyDescriptors(more))
}
