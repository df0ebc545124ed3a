// A HAR with forty tokens on standard output: valid ones, expired ones, some not yet valid, and some used a little too late.
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const realm = '7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f';
const begin = 1795435200;
const lifetime = (number, now) => {
    switch (number % 10) {
        case 3: return [now - 90000, now - 3600 * (1 + (number % 7))];
        case 5: return [now - 28800, now - 20];
        case 7: return [now + 1800, now + 28800];
        default: return [now - 300, now + 28800];
    }
};
const token = (number) => {
    const [nbf, exp] = lifetime(number, begin + number * 37);
    const audience = `00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@${realm}`;
    const caller = `00000004-0000-0ff1-ce00-000000000000@${realm}`;
    const signature = Buffer.from(Array.from({ length: 256 }, (_, at) => (number * 7 + at * 13) % 256)).toString('base64url');
    const issuer = `00000001-0000-0000-c000-000000000000@${realm}`;
    const claims = part({ aud: audience, iss: issuer, nbf, exp, nameid: caller, n: number });
    const actor = `${part({ typ: 'JWT', alg: 'RS256', x5t: 'PHWWNLFx5Quz0voOlAAM6Ww5tEw' })}.${claims}.${signature}`;
    if (number % 4 !== 0) return actor;
    const outer = { aud: audience, iss: caller, nbf: `${nbf}`, exp: `${exp}`, nameid: `S-1-5-21-${number}`, actortoken: actor };
    return `${part({ typ: 'JWT', alg: 'none' })}.${part(outer)}.`;
};
const entries = [];
for (let number = 0; number < 40; number += 1) {
    for (let again = 0; again < 1 + (number % 3); again += 1) {
        const refused = [3, 7].includes(number % 10);
        const said = '2000002;reason="The token has expired.";error_category="token_expired"';
        const body = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>';
        entries.push({
            startedDateTime: new Date((begin + number * 37 + again * 5) * 1000).toISOString(),
            time: 20,
            request: {
                method: 'POST', url: 'https://mail.contoso.com/EWS/Exchange.asmx', httpVersion: 'HTTP/1.1',
                headers: [{ name: 'Host', value: 'mail.contoso.com' }, { name: 'Authorization', value: `Bearer ${token(number)}` }],
                cookies: [], queryString: [], headersSize: -1, bodySize: 0,
            },
            response: {
                status: refused ? 401 : 200, statusText: '', httpVersion: 'HTTP/1.1',
                headers: [refused ? { name: 'x-ms-diagnostics', value: said } : { name: 'Content-Type', value: 'text/xml' }],
                cookies: [], content: { size: refused ? 0 : body.length, mimeType: 'text/xml', text: refused ? '' : body },
                redirectURL: '', headersSize: -1, bodySize: -1,
            },
            cache: {}, timings: { send: 0, wait: 20, receive: 0 },
        });
    }
}
console.log(JSON.stringify({ log: { version: '1.2', creator: { name: 'forty', version: '1' }, entries } }));
