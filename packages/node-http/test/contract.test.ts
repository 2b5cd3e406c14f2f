import { httpContract } from './contract/http-contract.js';
import { nodeHttp, nodeHttp2 } from './node-servers.js';

httpContract(nodeHttp);
httpContract(nodeHttp2);
