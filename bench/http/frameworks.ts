/** The frameworks that are measured, each in the file of its name under `servers/`. */
export const FRAMEWORKS = ['express', 'fastify', 'hono', 'koa', 'node', 'h3'] as const
