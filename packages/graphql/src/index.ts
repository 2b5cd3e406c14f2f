export { followOperation, type GraphqlDocument } from './follow-operation.js';
