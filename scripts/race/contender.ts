/** What runs in the race: a store with this package's sessions, and what stands next to it. */

import type { Backend, Place } from './backend.ts'
import { expressVisits } from './express-visits.ts'
import { naive } from './naive.ts'
import { type Site, startSite } from './site.ts'
import { vialVisits } from './vial-visits.ts'
import type { Visits } from './visit.ts'

export type Kind = 'vial' | 'peer'

/** What stands next to the store in the table; undefined: nothing, as the store itself loses. */
export function peerOf(backend: Backend): string | undefined {
  if (backend.peer !== undefined) return `express-session, ${backend.peer.name}`
  return backend.notAtomic ? undefined : 'the same store, read then written'
}

/** Servers of one process. */
export interface Running {
  readonly ports: readonly number[]
  /** @param remove Whether what was stored goes, too. */
  end(remove: boolean): Promise<void>
}

/** Starts `count` servers of the application in this process, which share nothing but the store. */
export async function startSites(
  backend: Backend,
  kind: Kind,
  place: Place,
  count: number,
): Promise<Running> {
  const opened = await openVisits(backend, kind, place)
  const sites: Site[] = []
  for (let i = 0; i < count; i += 1) sites.push(await startSite(opened.visits()))
  return {
    ports: sites.map(({ port }) => port),
    async end(remove) {
      await Promise.all(sites.map((site) => site.close()))
      if (remove) await opened.remove?.()
      await opened.close()
    },
  }
}

async function openVisits(backend: Backend, kind: Kind, place: Place) {
  if (kind === 'peer' && backend.peer !== undefined) {
    const { store, ...ends } = await backend.peer.open(place)
    return { ...ends, visits: (): Visits => expressVisits(store) }
  }
  const { store, ...ends } = await backend.open(place)
  const used = kind === 'peer' ? naive(store) : store
  return { ...ends, visits: (): Visits => vialVisits(used) }
}
