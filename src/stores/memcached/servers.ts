/**
 * The server of a key: rendezvous hashing as in Python's pymemcache, so that both sides find the same records.
 * Source: `pymemcache.client.hash.HashClient`; the hash is MurmurHash3 (x86, 32 bits, seed 0) by Austin Appleby.
 */

import { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'

export interface ServerAddress {
  readonly host: string
  readonly port: number
  /** `host:port` as it was written, which is what is hashed with the keys. */
  readonly name: string
}

const ADDRESS = /^(?:memcached:\/\/)?(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?\/?$/i
const DEFAULT_PORT = 11_211

/**
 * Reads addresses such as `localhost`, `10.0.0.7:11211`, `[::1]:11211`, `memcached://cache.example`.
 *
 * @throws {ConfigError} When the list is empty, an entry is not an address, or an address occurs twice.
 */
export function parseServers(servers: string | readonly string[]): readonly ServerAddress[] {
  const found = [servers].flat().map(parseServer)
  if (found.length === 0) throw new ConfigError("servers is empty. Give one, such as 'localhost'.")
  if (new Set(found.map(({ name }) => name)).size < found.length) {
    throw new ConfigError('servers has an address twice. Name each server once.')
  }
  return found
}

function parseServer(text: string): ServerAddress {
  const [, ipv6, named, digits] = ADDRESS.exec(text) ?? []
  const host = ipv6 ?? named
  const port = Number(digits ?? DEFAULT_PORT)
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ConfigError(
      "servers: an entry is not an address. Write it as 'host', 'host:port', '[::1]:port' or 'memcached://host:port', without a user.",
    )
  }
  return { host, port, name: `${host}:${port}` }
}

/** The server of a key. Adding or removing a server moves as few keys as possible. */
export function serverOf<Server extends { readonly name: string }>(
  servers: readonly Server[],
  key: string,
): Server {
  const scoreOf = ({ name }: Server) => murmur3(`${name}-${key}`)
  return servers.reduce((best, server) => {
    const lead = scoreOf(server) - scoreOf(best)
    return lead > 0 || (lead === 0 && server.name > best.name) ? server : best
  })
}

/** MurmurHash3, x86, 32 bits, seed 0, of ASCII text. */
export function murmur3(text: string): number {
  const bytes = Buffer.from(text, 'latin1')
  const whole = bytes.length - (bytes.length % 4)
  let hash = 0
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(bytes.readInt32LE(at))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (whole < bytes.length) hash ^= scramble(bytes.readUIntLE(whole, bytes.length - whole))
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
