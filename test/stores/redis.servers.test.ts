import { describe } from 'vitest'
import { PROFILES } from './profiles.ts'
import { CLIENTS } from './redis-clients.ts'
import { redisContract } from './redis-contract.ts'

describe('the contract', () => {
  for (const name of Object.keys(CLIENTS)) {
    const ids = name === 'node-redis' ? 10_000 : 1_000
    redisContract(name, { ids, ...PROFILES.redis.suite })
  }
})
