import { httpContract } from '../../node-http/test/contract/http-contract.js';
import { implementation, versions } from './express-servers.js';

for (const [name, framework] of versions) httpContract(implementation(name, framework));
