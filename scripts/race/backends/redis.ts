import { createClient } from 'redis'
import type { Backend } from '../backend.ts'
import { redisWith } from './redis-with.ts'

export const backend: Backend = redisWith('redis', (url) =>
  createClient({ url, disableOfflineQueue: true }),
)
