// The mix of an on-sale from k6: a ramp to USERS, who look, wait, hold and pay.
//
//   frontrow bench prepare --output json > scene.json
//   k6 run -e SCENE=scene.json -e USERS=500 -e REPORT=report.json ramp.js
//
// The proportions are those of `frontrow bench mixed`. Latency is counted from the sending, not from a schedule: each user waits for an
// answer before the next call, as people do, so a server that is slow is asked less often. THINK is the pause between, in seconds: with
// the default, 730 users make 4,500 calls/s where answers take no time.
import http from 'k6/http';
import { sleep } from 'k6';
import { SharedArray } from 'k6/data';
import { Trend, Counter } from 'k6/metrics';

const USERS = Number(__ENV.USERS || 500);
const THINK = Number(__ENV.THINK || 0.16);
const RAMP = __ENV.RAMP || '30s';
const HOLD = __ENV.HOLD || '60s';

// Read once for all users: each has an interpreter of its own.
const part = (name) => new SharedArray(name, () => [].concat(JSON.parse(open(__ENV.SCENE))[name]));
const users = part('users');
const seats = part('seats');
const shows = part('shows');
const queries = part('queries');
const commands = part('commands')[0];
const quiet = part('quiet')[0];

const CALLS = ['status', 'status_unchanged', 'show', 'position', 'hold', 'pay'];
const latency = {};
const errors = {};
const refusals = {};
for (const call of CALLS) {
  latency[call] = new Trend(`latency_${call}`, true);
  errors[call] = new Counter(`errors_${call}`);
  refusals[call] = new Counter(`refusals_${call}`);
}

export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: RAMP, target: USERS },
        { duration: HOLD, target: USERS },
        { duration: '5s', target: 0 },
      ],
    },
  },
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max', 'count'],
  thresholds: { http_req_duration: ['p(95)<50'], http_req_failed: ['rate<0.0001'] },
};
http.setResponseCallback(http.expectedStatuses(200, 201, 304, 409));

// Of this user alone.
const mine = { next: 0, held: [], etag: null };

function count(call, response) {
  latency[call].add(response.timings.duration);
  if (response.status === 409) refusals[call].add(1);
  else if (![200, 201, 304].includes(response.status)) errors[call].add(1);
  return response;
}

function post(path, user, show, name, body) {
  const headers = {
    'Content-Type': 'application/json',
    Authorization: user.authorization,
    'Show-Id': show,
    'Idempotency-Key': `k6-${show}-${name}`,
  };
  return http.post(`${commands}${path}`, JSON.stringify(body), { headers, responseType: 'text', tags: { name: path } });
}

// Each user has the seats of its own remainder; of ten, one is a neighbour's.
function hold(user) {
  const contended = mine.next > 0 && Math.random() < 0.1;
  const n = contended ? (mine.next - 1) * USERS + (__VU % USERS) : mine.next++ * USERS + ((__VU - 1) % USERS);
  const show = shows[Math.floor(n / seats.length) % shows.length];
  const seat = seats[n % seats.length];
  const response = count('hold', post('/v1/reservations', user, show, `hold-${__ITER}`, { show_id: show, seats: [seat] }));
  if (response.status === 201) mine.held.push({ show, id: response.json('reservation_id') });
}

function pay(user) {
  const held = mine.held.shift();
  if (!held) return hold(user);
  return count('pay', post('/v1/payments', user, held.show, `pay-${__ITER}`, { reservation_id: held.id, method: 'points' }));
}

export default function () {
  const user = users[(__VU - 1) % users.length];
  const query = queries[__VU % queries.length];
  const show = shows[Math.floor((mine.next * USERS) / seats.length) % shows.length];
  const dice = Math.random() * 100;
  if (dice < 30) {
    const headers = mine.etag ? { 'If-None-Match': mine.etag } : {};
    const response = http.get(`${query}/v1/shows/${quiet}/seats/status`, { headers, tags: { name: 'status' } });
    count(response.status === 304 ? 'status_unchanged' : 'status', response);
    if (response.status === 200) mine.etag = response.headers.Etag;
  } else if (dice < 60) {
    count('status', http.get(`${query}/v1/shows/${show}/seats/status`, { tags: { name: 'status' } }));
  } else if (dice < 75) {
    count('show', http.get(`${query}/v1/shows/${show}`, { tags: { name: 'show' } }));
  } else if (dice < 85) {
    const headers = { Authorization: user.authorization };
    count('position', http.get(`${commands}${user.position}`, { headers, tags: { name: 'position' } }));
  } else if (dice < 95) hold(user);
  else pay(user);
  sleep(THINK * (0.5 + Math.random()));
}

// The document that `frontrow bench` prints, as far as k6 knows.
export function handleSummary(data) {
  const values = (name) => (data.metrics[name] ? data.metrics[name].values : {});
  const percentiles = (trend) => ({ p50: trend.med, p95: trend['p(95)'], p99: trend['p(99)'], max: trend.max });
  const calls = {};
  for (const call of CALLS) {
    const trend = values(`latency_${call}`);
    if (!trend.count) continue;
    calls[call] = {
      answers: trend.count,
      latency_ms: percentiles(trend),
      refused: values(`refusals_${call}`).count || 0,
      failed: values(`errors_${call}`).count || 0,
    };
  }
  const share = (call) => (calls[call] ? 1 - (calls[call].refused + calls[call].failed) / calls[call].answers : 0);
  const check = (what, found, least) => ({ what: `${what}: at least ${least * 100} %`, found: `${(found * 100).toFixed(1)} %`, ok: found >= least });
  const rate = values('http_reqs').rate;
  const report = {
    scenario: 'k6',
    users: USERS,
    offered_per_second: rate,
    served_per_second: rate * (1 - values('http_req_failed').rate),
    error_share: values('http_req_failed').rate,
    latency_ms: percentiles(values('http_req_duration')),
    calls,
    checks: [check('holds that succeed', share('hold'), 0.8), check('payments that succeed', share('pay'), 0.95)],
  };
  return { [__ENV.REPORT]: JSON.stringify(report, null, 2) };
}
