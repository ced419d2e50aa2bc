/**
 * URLs as they stand in the configuration of a Flask application, made into those that `vial/stores/open` takes. No
 * message shows any part of one, as it may hold a password.
 *
 * @module
 */

import { ConfigError } from '../../../errors.ts'

/** Adds a parameter that the URL does not have. */
export function withParameter(url: string, name: string, value: string): string {
  if (hasParameter(url, name)) return url
  return `${url}${url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`
}

/** SQLAlchemy's URL: the driver goes, and the path of an SQLite file is in its place. */
export function sqlUrl(url: string): string {
  const [, scheme = '', , rest = ''] = /^([a-z0-9]+)(\+\w+)?:(.*)$/is.exec(url) ?? []
  if (scheme.toLowerCase() === 'mysql' || scheme.toLowerCase() === 'mariadb') {
    // The driver here speaks utf8mb4 unless it is told otherwise, which it is not.
    const kept = rest.replace(/([?&])charset=[^&]*(&|$)/i, (_, start, end) => (end ? start : ''))
    return `${scheme}:${kept}`
  }
  if (scheme.toLowerCase() !== 'sqlite') return scheme === '' ? url : `${scheme}:${rest}`
  if (!rest.startsWith('//')) return `sqlite:${rest}`
  const path = /^\/\/\/((?:\/|[a-z]:[\\/]).+)$/i.exec(rest)?.[1]
  if (path === undefined) {
    throw new ConfigError(
      'Flask seeks this SQLite file below the folder of its instance, which is not known here. Write its whole path: sqlite:////path/to/file.db.',
    )
  }
  return `sqlite:${path}`
}

/** MongoDB's URL with the database of the sessions, which is not always that of the login. */
export function mongodbUrl(url: string, database: string, collection: string): string {
  const parts = /^(mongodb(?:\+srv)?:\/\/)([^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null) return url
  const [, scheme = '', authority = '', login = '', query = ''] = parts
  let made = `${scheme}${authority}/${encodeURIComponent(database)}${query}`
  const mechanism = /[?&]authMechanism=(?!SCRAM-|DEFAULT)/i.test(query)
  if (authority.includes('@') && !mechanism && !hasParameter(url, 'authSource')) {
    made += `${query === '' ? '?' : '&'}authSource=${login || 'admin'}`
  }
  return withParameter(made, 'collection', collection)
}

/**
 * DynamoDB's URL with the table.
 *
 * @throws {ConfigError} When it names another table already.
 */
export function dynamodbUrl(url: string | undefined, table: string | undefined): string {
  if (url === undefined) {
    // Where Flask-Session looks, with the same credentials.
    const name = encodeURIComponent(table ?? 'Sessions')
    return `dynamodb://dummy:dummy@us-west-2/${name}?endpoint=http://localhost:8000`
  }
  const parts = /^(dynamodb:\/\/[^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null || table === undefined) return url
  const [, start = '', named = '', query = ''] = parts
  const name = encodeURIComponent(table)
  if (named !== '' && named !== name) {
    throw new ConfigError(
      'SESSION_DYNAMODB names one table and SESSION_DYNAMODB_TABLE another. Leave one of them out.',
    )
  }
  return `${start}/${name}${query}`
}

function hasParameter(url: string, name: string): boolean {
  return new RegExp(`[?&]${name}=`).test(url)
}
