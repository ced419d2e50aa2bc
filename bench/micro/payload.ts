/** The bytes that are sealed: the JSON of an object with one text, as some of the libraries take only an object. */

import { Buffer } from 'node:buffer'
import { contentOf } from './content.ts'

/** JSON of exactly so many bytes, which compresses as a session does. The text has nothing to escape. */
export function payloadOf(bytes: number): Buffer {
  const frame = JSON.stringify({ text: '' }).length
  const words = JSON.stringify(contentOf(bytes)).replace(/[^ -~]|["\\]/g, "'")
  const payload = Buffer.from(JSON.stringify({ text: words.slice(0, bytes - frame) }))
  if (payload.length !== bytes) throw new Error(`The payload of ${bytes} B has ${payload.length}.`)
  return payload
}
