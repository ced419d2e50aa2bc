import type { Contenders } from './contender.ts'

/** The frameworks, each in the file of its name in `servers/`. */
export const FRAMEWORKS = ['express', 'fastify', 'hono'] as const
export type Framework = (typeof FRAMEWORKS)[number]

export async function contendersOf(framework: string): Promise<Contenders> {
  const module = (await import(`./servers/${framework}.ts`)) as { readonly CONTENDERS: Contenders }
  return module.CONTENDERS
}
