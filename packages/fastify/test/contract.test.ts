import { httpContract } from '../../node-http/test/contract/http-contract.js';
import { fastifyHttp1, fastifyHttp2 } from './fastify-server.js';

httpContract(fastifyHttp1);
httpContract(fastifyHttp2);
