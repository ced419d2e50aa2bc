/**
 * Converts the URLs of a Flask configuration into those of `vial/stores/open`. No message shows any part of one, as it
 * may hold a password.
 *
 * @module
 */

import { ConfigError } from '../../../errors.ts'

/** Adds a parameter that the URL does not have. */
export function withParameter(url: string, name: string, value: string): string {
  if (hasParameter(url, name)) return url
  return `${url}${url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`
}

/**
 * Converts SQLAlchemy's URL: removes the driver, and reads the path of an SQLite file.
 *
 * @throws {ConfigError} When the path is relative: Flask resolves it against the instance folder.
 */
export function sqlUrl(url: string): string {
  const [, scheme = '', rest = ''] = /^([a-z0-9]+)(?:\+\w+)?:(.*)$/is.exec(url) ?? []
  if (/^(?:mysql|mariadb)$/i.test(scheme)) {
    // The driver here uses utf8mb4 without being asked, and has no such parameter.
    return `${scheme}:${rest.replace(/([?&])charset=[^&]*(&|$)/i, (_, start, end) => end && start)}`
  }
  if (!/^sqlite$/i.test(scheme)) return scheme === '' ? url : `${scheme}:${rest}`
  if (!rest.startsWith('//')) return `sqlite:${rest}`
  const path = /^\/\/\/((?:\/|[a-z]:[\\/]).+)$/i.exec(rest)?.[1]
  if (path !== undefined) return `sqlite:${path}`
  throw new ConfigError(
    'Flask resolves this SQLite path against its instance folder, which is not known here. Give an absolute path: sqlite:////path/to/file.db.',
  )
}

/** MongoDB's URL with the database of the sessions, which may differ from the one of the login. */
export function mongodbUrl(url: string, database: string, collection: string): string {
  const parts = /^(mongodb(?:\+srv)?:\/\/)([^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null) return url
  const [, scheme = '', authority = '', login = '', query = ''] = parts
  let made = `${scheme}${authority}/${encodeURIComponent(database)}${query}`
  const hasOtherMechanism = /[?&]authMechanism=(?!SCRAM-|DEFAULT)/i.test(query)
  if (authority.includes('@') && !hasOtherMechanism && !hasParameter(url, 'authSource')) {
    made += `${query === '' ? '?' : '&'}authSource=${login || 'admin'}`
  }
  return withParameter(made, 'collection', collection)
}

/**
 * DynamoDB's URL with the table. Without a URL, the one where Flask-Session connects, with the same credentials.
 *
 * @throws {ConfigError} When the URL names another table.
 */
export function dynamodbUrl(url: string | undefined, table: string | undefined): string {
  const name = encodeURIComponent(table ?? 'Sessions')
  if (url === undefined) {
    return `dynamodb://dummy:dummy@us-west-2/${name}?endpoint=http://localhost:8000`
  }
  const parts = /^(dynamodb:\/\/[^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null || table === undefined) return url
  const [, start = '', named = '', query = ''] = parts
  if (named === '' || named === name) return `${start}/${name}${query}`
  throw new ConfigError(
    'SESSION_DYNAMODB names one table and SESSION_DYNAMODB_TABLE another. Leave one of them out.',
  )
}

function hasParameter(url: string, name: string): boolean {
  return new RegExp(`[?&]${name}=`).test(url)
}
