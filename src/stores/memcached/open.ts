/**
 * Opens the Memcached store of a URL: `memcached://host:port,host:port?prefix=session:`, by the store's own transport.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'
import type { Opener } from '../open/client.ts'
import { checkParameters } from '../open/url.ts'
import { memcachedStore } from './index.ts'

export const openMemcached: Opener = async (url, { now }) => {
  checkParameters(url, ['prefix'])
  const { authority = '', path } = url
  if (authority === '' || authority.includes('@') || !/^\/?$/.test(path)) {
    throw new ConfigError(
      'openStore: write memcached://host:port, or several separated by commas, without a user and a path.',
    )
  }
  const prefix = url.parameters.get('prefix')
  const servers = authority.split(',')
  return { store: memcachedStore({ servers, now, ...(prefix !== undefined && { prefix }) }) }
}
