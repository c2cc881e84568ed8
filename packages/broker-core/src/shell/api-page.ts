import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { API_PREFIX, type openApiDocument } from '@undermoon/broker-api';
import type { FastifyInstance } from 'fastify';

export type ApiDocument = ReturnType<typeof openApiDocument>;

// Everything comes from this server: the page works without the internet, and asks nobody else for anything.
const CONTENT_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "frame-ancestors 'none'",
].join('; ');

/** `GET /api/v3/docs`: the description of the API as a page, on which requests can be tried. */
export function addApiPage(app: FastifyInstance, document: ApiDocument): void {
  app.register(fastifySwagger, {
    mode: 'static',
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a test validates it; the type names every member
    specification: { document: document as never },
  });
  app.register(fastifySwaggerUi, {
    routePrefix: `${API_PREFIX}/docs`,
    staticCSP: CONTENT_POLICY,
    uiConfig: { validatorUrl: 'none', displayRequestDuration: true },
    theme: { title: 'undermoon broker' },
  });
}
