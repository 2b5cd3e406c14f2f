import { httpContract } from '../../node-http/test/contract/http-contract.js';
import { implementation, platforms } from './nest-servers.js';

for (const platform of platforms) httpContract(implementation(platform));
