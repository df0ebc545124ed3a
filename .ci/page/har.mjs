// Reads HAR by har-validator: `node har.mjs FILE.har …`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const validate = createRequire(import.meta.url)('har-validator');
let wrong = 0;
for (const file of process.argv.slice(2)) {
    await validate.har(JSON.parse(readFileSync(file, 'utf8'))).catch((error) => {
        wrong += 1;
        console.error(`${file}: ${error.message}: ${JSON.stringify(error.errors)}`.slice(0, 2000));
    });
}
console.log(`${process.argv.length - 2} HAR validated, ${wrong} wrong`);
process.exit(wrong > 0 ? 1 : 0);
