/** The sessions of vial that are measured, each as its documentation has it. */

import { vial } from '../common/vial.ts'
import { redis } from './redis.ts'

type Sessions = import('../../src/index.ts').Sessions

const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'
const cookie = { secure: false, name: 'session' } as const

/** `idle`: the deadline moves with each visit, as the peers' does. `near`: with the near cache. */
export async function ourSessions(kind: string): Promise<Sessions> {
  const { createSessions } = await vial('.')
  const [store, extra] = kind.split('-')
  const idle = extra === 'idle' ? { idle: '1d' as const } : {}
  switch (store) {
    case 'cookie':
      return createSessions({ secret: SECRET, cookie, ...idle })
    case 'flask': {
      const { flaskCookie } = await vial('compat/flask-cookie')
      return flaskCookie({ secret: SECRET, cookie }) as Sessions
    }
    case 'memory': {
      const { memoryStore } = await vial('stores/memory')
      return createSessions({ store: memoryStore(), cookie, ...idle })
    }
    default: {
      const { redisStore } = await vial('stores/redis')
      const near = extra === 'near' ? ({ nearCache: true } as object) : {}
      return createSessions({ store: redisStore(await redis(), near), cookie, ...idle })
    }
  }
}
