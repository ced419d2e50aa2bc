import { createCluster } from 'redis'
import type { Backend } from '../backend.ts'
import { redisWith } from './redis-with.ts'

export const backend: Backend = redisWith('redis-cluster', (url) =>
  createCluster({ rootNodes: [{ url }] }),
)
