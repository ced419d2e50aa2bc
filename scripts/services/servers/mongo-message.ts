/** The messages of MongoDB's protocol, as far as its current drivers send them: OP_MSG, and OP_QUERY for the first hello. */

import { BSON } from 'mongodb'

export type Document = BSON.Document

/** One request. */
export interface Request {
  readonly id: number
  readonly command: Document
  /** False: the client wants no reply. */
  readonly wantsReply: boolean
  readonly legacy: boolean
}

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013
/** Numbers and bytes keep the type that they have on the wire. */
const EXACT = { promoteValues: false, promoteBuffers: false, promoteLongs: false } as const

/** Puts together the messages that arrive in pieces. */
export function messageCutter(): (chunk: Buffer) => Buffer[] {
  let chunks: Buffer[] = []
  let received = 0
  let wanted = 4
  return (chunk) => {
    chunks.push(chunk)
    received += chunk.length
    const messages: Buffer[] = []
    while (received >= wanted) {
      const all = Buffer.concat(chunks)
      const size = all.readInt32LE(0)
      wanted = size
      chunks = [all]
      if (received < size) break
      messages.push(all.subarray(0, size))
      chunks = [all.subarray(size)]
      received -= size
      wanted = 4
    }
    return messages
  }
}

/** @throws {Error} For what this gateway does not speak. */
export function readMessage(message: Buffer): Request {
  const id = message.readInt32LE(4)
  const kind = message.readInt32LE(12)
  if (kind === OP_QUERY) {
    const start = message.indexOf(0, 20) + 9
    return { id, command: readBson(message.subarray(start)), wantsReply: true, legacy: true }
  }
  if (kind !== OP_MSG) throw new Error(`a message of kind ${kind}`)
  const flags = message.readUInt32LE(16)
  const end = message.length - (flags & 1 ? 4 : 0)
  let command: Document = {}
  const lists: Record<string, Document[]> = {}
  for (let at = 20; at < end; ) {
    const size = message.readInt32LE(at + 1)
    const section = message.subarray(at + 1, at + 1 + size)
    if (message[at] === 0) command = readBson(section)
    else Object.assign(lists, readSequence(section))
    at += 1 + size
  }
  return { id, command: { ...command, ...lists }, wantsReply: (flags & 2) === 0, legacy: false }
}

/** The reply to a request. */
export function writeMessage({ id, legacy }: Request, reply: Document): Buffer {
  const body = BSON.serialize(reply)
  const head = Buffer.alloc(legacy ? 36 : 21)
  head.writeInt32LE(head.length + body.length, 0)
  head.writeInt32LE(id, 8)
  head.writeInt32LE(legacy ? OP_REPLY : OP_MSG, 12)
  // One document.
  if (legacy) head.writeInt32LE(1, 32)
  return Buffer.concat([head, body])
}

export function readBson(bytes: Uint8Array): Document {
  return BSON.deserialize(
    bytes.subarray(0, new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)),
    EXACT,
  )
}

/** A list of documents that stands outside the command. */
function readSequence(section: Buffer): Record<string, Document[]> {
  const nameEnd = section.indexOf(0, 4)
  const list: Document[] = []
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at)) {
    list.push(readBson(section.subarray(at)))
  }
  return { [section.toString('utf8', 4, nameEnd)]: list }
}
