// Looks at reports in a real browser: `node check.mjs CHROMIUM REPORT.json:REPORT.html …`.
//
// The page may ask for nothing and complain about nothing; its diagrams have the parts that the JSON of the same run tells
// of; axe-core finds nothing serious, and html-validate nothing at all; nothing is wider than the screen; the boxes of the
// filter hide what they say; what is folded is printed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const require = createRequire(import.meta.url);
const puppeteer = require('puppeteer-core');
const { HtmlValidate, StaticConfigLoader } = require('html-validate');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const [chromium, ...pairs] = process.argv.slice(2);
const problems = [];
const validator = new HtmlValidate(new StaticConfigLoader({ extends: ['html-validate:recommended'] }));
const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

for (const pair of pairs) {
    const [json, html] = pair.split(':');
    const report = JSON.parse(readFileSync(json, 'utf8'));
    const found = (what) => problems.push(`${html}: ${what}`);

    for (const result of (await validator.validateFile(html)).results) {
        for (const message of result.messages) found(`html-validate: ${message.line}: ${message.message} (${message.ruleId})`);
    }

    for (const [width, scheme] of [[1280, 'light'], [1280, 'dark'], [390, 'light'], [390, 'dark']]) {
        const page = await browser.newPage();
        await page.setViewport({ width, height: 900 });
        await page.setBypassCSP(false);
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        const address = pathToFileURL(resolve(html)).href;
        page.on('console', (message) => found(`console: ${message.type()}: ${message.text()}`));
        page.on('pageerror', (error) => found(`error: ${error}`));
        page.on('request', (request) => request.url() === address || found(`it asked for ${request.url()}`));
        await page.goto(address);
        const seen = await page.evaluate(() => ({
            width: document.documentElement.scrollWidth,
            styled: getComputedStyle(document.querySelector('.verdict')).borderTopWidth,
            word: document.querySelector('h1').textContent,
            messages: document.querySelectorAll('.sequence .message').length,
            parties: [...document.querySelectorAll('.sequence')].every((one) => one.querySelectorAll('.party').length >= 2),
            diagrams: document.querySelectorAll('.sequence').length,
            lanes: document.querySelectorAll('.axis .lane').length,
            findings: document.querySelectorAll('.finding').length,
            tokens: document.querySelectorAll('.tokens > .token').length,
            bars: document.querySelectorAll('.bars svg').length,
            scripts: document.scripts.length,
        }));
        const is = (name, value, wanted) => value === wanted || found(`${width} ${scheme}: ${name}: ${value}, not ${wanted}`);
        const told = report.handshakes.slice(0, 16).filter((one) => one.steps.length > 0);
        is('word', seen.word.toLowerCase(), report.outcome);
        is('diagrams', seen.diagrams, told.length);
        is('messages', seen.messages, told.reduce((sum, one) => sum + Math.min(one.steps.length, 60), 0));
        is('parties', seen.parties, true);
        is('findings', seen.findings, Math.min(report.findings.length, 300));
        is('tokens', seen.tokens, Math.min(report.tokens.length, 200));
        is('scripts', seen.scripts, 0);
        is('style', seen.styled, '5px');
        if (seen.width > width) found(`${width} ${scheme}: it is ${seen.width} wide`);
        if (seen.bars < 1) found('there is no bar of coverage');
        const layers = (token) => (token ? 1 + layers(token.actor) : 0);
        const lanes = report.tokens.reduce((sum, token) => sum + layers(token), 0);
        const timed = report.handshakes.some((one) => one.first !== null);
        if (timed && lanes > 0) is('lanes', seen.lanes, Math.min(lanes, 60));

        // Boxes hide what they say, without a script.
        for (const severity of ['critical', 'high', 'medium', 'low', 'info']) {
            const box = await page.$(`#show-${severity}`);
            const shown = () => page.$$eval(`.finding.${severity}`, (all) => all.filter((one) => one.checkVisibility()).length);
            const all = report.findings.slice(0, 300).filter((one) => one.severity === severity).length;
            is(`shown ${severity}`, await shown(), all);
            if (!box) continue;
            await box.focus();
            await page.keyboard.press('Space');
            is(`hidden ${severity}`, await shown(), 0);
            await page.keyboard.press('Space');
        }

        // What is judged is the page as it is when everything is unfolded. The evaluation is the debugger's: the page itself
        // runs nothing.
        await page.$$eval('details', (all) => all.forEach((one) => { one.open = true; }));
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run(document));
        for (const one of violations) {
            const grave = ['serious', 'critical', 'moderate'].includes(one.impact);
            if (grave) found(`${width} ${scheme}: axe: ${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' | ')}`);
        }
        await page.close();
    }
}
await browser.close();
for (const problem of problems) console.error(problem);
console.log(`${pairs.length} reports looked at, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
