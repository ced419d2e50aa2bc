/** What the command line of the race takes. */

import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { NAMES } from './targets.ts'

export interface Options {
  readonly names: readonly string[]
  readonly processes: number
  /** Of each process. */
  readonly commits: number
  readonly schedules: number
  readonly seed: string
  readonly format: 'text' | 'markdown' | 'json'
}

export const USAGE: string = `Usage: npm run race -- [options]
  --only NAME,…     these stores: ${NAMES.join(', ')}
  --commits N       commits of each process on one session, 200
  --schedules N     logouts against 4 requests in flight, 1000
  --processes N     processes of the application, 8
  --seed TEXT       of the delays in the schedules; random and printed
  --markdown        the table as Markdown, with its date
  --json            everything, as JSON`

/** Thrown for a command line that cannot be followed. */
export class UsageError extends Error {}

/** @throws {UsageError} That names what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args)
  if (values.json && values.markdown) throw new UsageError('Give --json or --markdown, not both.')
  return {
    names: chosen(values.only),
    processes: wholeNumber('processes', values.processes),
    commits: wholeNumber('commits', values.commits),
    schedules: wholeNumber('schedules', values.schedules),
    seed: values.seed ?? randomBytes(4).toString('hex'),
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        commits: { type: 'string', default: '200' },
        schedules: { type: 'string', default: '1000' },
        processes: { type: 'string', default: '8' },
        seed: { type: 'string' },
        markdown: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function chosen(only: readonly string[] | undefined): readonly string[] {
  if (only === undefined) return NAMES
  const names = only.flatMap((list) => list.split(',')).map((name) => name.trim())
  const unknown = names.filter((name) => !NAMES.includes(name))
  if (unknown.length > 0) {
    throw new UsageError(
      `There is no store '${unknown.join("', '")}' in the race. There are: ${NAMES.join(', ')}.`,
    )
  }
  return NAMES.filter((name) => names.includes(name))
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= 1_000_000) return number
  throw new UsageError(`--${option} takes a whole number from 1 to 1000000, not '${text}'.`)
}
