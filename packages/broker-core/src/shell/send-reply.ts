import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendRefusal } from './http-errors.ts';
import type { RouteReply } from './route-row.ts';

/** Renders what a route answers. */
export async function sendReply(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: RouteReply,
): Promise<FastifyReply> {
  if (!answer.ok) return sendRefusal(reply, answer);
  switch (answer.kind) {
    case 'empty':
      return reply.send();
    case 'text':
      return reply.type(answer.type ?? 'text/plain; charset=utf-8').send(answer.text);
    case 'json':
      return reply.type('application/json').send(Buffer.from(JSON.stringify(answer.value)));
    case 'document': {
      const { tag } = answer.document;
      reply.headers({ vary: 'accept-encoding, user-agent', etag: tag });
      if (isKnown(request, tag)) return reply.code(304).send();
      reply.type('application/json');
      if (!takesGzip(request)) return reply.send(answer.document.json);
      return reply.header('content-encoding', 'gzip').send(await answer.document.compressed());
    }
  }
}

// Whether the client has this content already.
function isKnown(request: FastifyRequest, tag: string): boolean {
  const known = request.headers['if-none-match'];
  if (known === undefined) return false;
  return known.split(',').some((item) => {
    const one = item.trim();
    return one === '*' || one.replace(/^W\//, '') === tag.replace(/^W\//, '');
  });
}

// These show what they get to a person, and ask for compression only with an option that also undoes it.
const TERMINAL_CLIENTS = /^(curl|wget)\//i;

// The original compresses documents whatever the client says, and its clients may count on that. Without
// `Accept-Encoding` any coding is acceptable by the rules of HTTP too.
function takesGzip({ headers }: FastifyRequest): boolean {
  const accepted = headers['accept-encoding'];
  if (accepted === undefined) return !TERMINAL_CLIENTS.test(headers['user-agent'] ?? '');
  return accepted
    .toLowerCase()
    .split(',')
    .some((item) => {
      const [coding, ...parameters] = item.split(';').map((part) => part.trim());
      const isAccepted = !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
      return (coding === 'gzip' || coding === '*') && isAccepted;
    });
}
