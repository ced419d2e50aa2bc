/** What is asked of a server. */

export interface Workload {
  readonly name: string
  readonly path: string
  /** Size of the session, bytes of JSON. Absent: no cookie is sent. */
  readonly bytes?: number
}

const SMALL = 200

export const WORKLOADS: readonly Workload[] = [
  { name: 'none', path: '/plain' },
  { name: 'plain', path: '/plain', bytes: SMALL },
  { name: 'read', path: '/read', bytes: SMALL },
  { name: 'write', path: '/write', bytes: SMALL },
  { name: 'read-m', path: '/read', bytes: 2048 },
  { name: 'write-m', path: '/write', bytes: 2048 },
  { name: 'read-l', path: '/read', bytes: 4096 },
  { name: 'write-l', path: '/write', bytes: 4096 },
]

/** Whether a workload means something for such sessions: 4 KB do not fit a cookie, and 2 KB say nothing new of a store. */
export function suits(workload: Workload, kind: Kind): boolean {
  if (kind === 'bare') return true
  return kind === 'cookie' ? !workload.name.endsWith('-l') : !workload.name.endsWith('-m')
}

/** Where the record is. */
export type Kind = 'bare' | 'cookie' | 'memory' | 'redis'
