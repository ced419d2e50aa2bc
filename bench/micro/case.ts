/** What a micro bench measures: one operation, and how to tell that it does what its name says. */
export interface Case {
  /** The table that it belongs to. */
  readonly group: string
  /** Unique in its stage. */
  readonly name: string
  /** Does the operation once. What it gives is consumed; a promise is awaited before the next one. */
  readonly run: () => unknown
  /** Throws or rejects when what `run` gave is not what it should have. */
  readonly check: (result: unknown) => void | Promise<void>
  /** The cases whose time this one is divided by. */
  readonly peers?: readonly string[]
  /** It runs nothing of vial, so that there is nothing to measure of another build. */
  readonly foreign?: true
  /** Left out when it has to be quick. */
  readonly rare?: boolean
  /** Runs the whole measurement, such as inside of an async context. */
  readonly around?: <T>(measuring: () => Promise<T>) => Promise<T>
}

type Consumer = (run: () => unknown, kept: unknown[]) => () => unknown

/**
 * The operation, with its result kept for a moment, so that the compiler cannot leave it out. Each case gets code of
 * its own: closures of one function share what the compiler learned of the others.
 */
export function consuming({ run }: Pick<Case, 'run'>): () => unknown {
  const make = new Function(
    'run',
    'kept',
    `let at = 0
    return () => {
      at = (at + 1) & 7
      return (kept[at] = run())
    }`,
  ) as Consumer
  return make(run, new Array(8).fill(undefined))
}

/** Runs it once and checks what comes of it. Rejects with what is wrong. */
export async function checked(one: Case): Promise<void> {
  try {
    await within(one, async () => one.check(await one.run()))
  } catch (error) {
    throw new Error(`${one.name} is wrong: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

/** Runs a measurement where the case wants it. */
export function within<T>({ around }: Case, measuring: () => Promise<T>): Promise<T> {
  return around === undefined ? measuring() : around(measuring)
}
