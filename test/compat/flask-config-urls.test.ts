/** The URLs that a Flask configuration gives, as the clients here take them. */

import { ConfigError } from 'vial'
import { describe, expect, test } from 'vitest'
import {
  dynamodbUrl,
  mongodbUrl,
  sqlUrl,
  withParameter,
} from '../../src/compat/flask/config/store.ts'

describe('URLs', () => {
  test.each([
    ['postgresql+psycopg://u:p@h/d?sslmode=require', 'postgresql://u:p@h/d?sslmode=require'],
    ['mysql+pymysql://u:p@h/d?charset=utf8mb4', 'mysql://u:p@h/d'],
    ['mysql://h/d?charset=utf8&ssl=true', 'mysql://h/d?ssl=true'],
    ['mysql://h/d?ssl=true&charset=utf8', 'mysql://h/d?ssl=true'],
    ['sqlite:////var/site.db', 'sqlite:/var/site.db'],
    ['sqlite:///C:/site.db', 'sqlite:C:/site.db'],
    ['sqlite:site.db', 'sqlite:site.db'],
    ['nonsense', 'nonsense'],
  ])('%s of SQLAlchemy is %s', (given, made) => expect(sqlUrl(given)).toBe(made))

  test.each(['sqlite:///site.db', 'sqlite://', 'sqlite:///:memory:'])('%s is refused', (url) => {
    expect(() => sqlUrl(url)).toThrow(ConfigError)
  })

  test.each([
    ['mongodb://h', 'mongodb://h/d?collection=c'],
    ['mongodb://h:1,g:2/?replicaSet=r', 'mongodb://h:1,g:2/d?replicaSet=r&collection=c'],
    // The login is where it was before.
    ['mongodb://u:p@h', 'mongodb://u:p@h/d?authSource=admin&collection=c'],
    ['mongodb://u:p@h/users', 'mongodb://u:p@h/d?authSource=users&collection=c'],
    ['mongodb://u:p@h/users?authSource=a', 'mongodb://u:p@h/d?authSource=a&collection=c'],
    [
      'mongodb://u@h/?authMechanism=MONGODB-X509',
      'mongodb://u@h/d?authMechanism=MONGODB-X509&collection=c',
    ],
    ['nonsense', 'nonsense'],
  ])('%s is %s', (given, made) => expect(mongodbUrl(given, 'd', 'c')).toBe(made))

  test.each([
    [
      undefined,
      undefined,
      'dynamodb://dummy:dummy@us-west-2/Sessions?endpoint=http://localhost:8000',
    ],
    ['dynamodb://r', 't', 'dynamodb://r/t'],
    ['dynamodb://r/t?endpoint=e', 't', 'dynamodb://r/t?endpoint=e'],
    ['dynamodb://r/t', undefined, 'dynamodb://r/t'],
    ['nonsense', 't', 'nonsense'],
  ])('%s with the table %s is %s', (given, table, made) => {
    expect(dynamodbUrl(given, table)).toBe(made)
  })

  test('a parameter is not given twice', () => {
    expect(withParameter('redis://h?prefix=a', 'prefix', '')).toBe('redis://h?prefix=a')
  })
})
