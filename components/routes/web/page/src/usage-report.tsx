// The usage: credits, a chart of tokens by day and model, and the credit transactions.

import { useSignal } from '@preact/signals';
import { notify } from './announce';
import { requestJson } from './api';
import { formatDate, formatNumber, t } from './texts';
import { useLoaded } from './use-loaded';

interface DayOfUse {
  day: string;
  model: string;
  requests: number;
  promptTokens: number;
  completionTokens: number;
  costUsd: number | null;
}

interface Report {
  credits: { monthly: number | null; usedThisMonth: number; resetsAt: number | null };
  usage: DayOfUse[];
}

interface Transaction {
  id: string;
  kind: string;
  at: number;
  amount: number;
  model: string | null;
  note: string | null;
}

interface TransactionPage {
  transactions: Transaction[];
  next: string | null;
}

/** Models with a colour of their own; the last colour is for all others. */
const COLOURS = 5;
const HEIGHT = 120;
const BAR = 26;

const tokensOf = (one: DayOfUse) => one.promptTokens + one.completionTokens;

export function UsageReport() {
  const { value: report } = useLoaded<Report>('/api/usage');
  if (!report) return <p class="faint">{t.loading}</p>;
  const { monthly, usedThisMonth, resetsAt } = report.credits;
  const used = formatNumber(usedThisMonth);
  return (
    <>
      <h3>{t.credits}</h3>
      <p>
        {monthly === null ? t.creditsUsed(used) : t.creditsOf(used, formatNumber(monthly))}
        {resetsAt !== null && ` ${t.resets(formatDate(resetsAt))}`}
      </p>
      <h3>{t.tokensByDay}</h3>
      {report.usage.length === 0 ? (
        <p class="faint">{t.nothingUsed}</p>
      ) : (
        <>
          <Chart usage={report.usage} />
          <Table usage={report.usage} />
        </>
      )}
      <Transactions />
    </>
  );
}

/** Bars, one a day, with a part for each model. The table below has the same numbers. */
function Chart({ usage }: { usage: DayOfUse[] }) {
  const days = [...new Set(usage.map(({ day }) => day))].sort();
  const models = [...new Set(usage.map(({ model }) => model))];
  const totals = days.map((day) => usage.filter((one) => one.day === day).reduce((sum, one) => sum + tokensOf(one), 0));
  const scale = HEIGHT / Math.max(1, ...totals);
  const colour = (model: string) => `bar-${Math.min(models.indexOf(model), COLOURS - 1)}`;
  return (
    <div class="chart">
      <svg width={days.length * BAR} height={HEIGHT} role="img" aria-label={t.tokensByDay}>
        {days.map((day, index) => {
          let top = HEIGHT;
          return usage
            .filter((one) => one.day === day)
            .map((one) => {
              const height = Math.max(1, tokensOf(one) * scale);
              top -= height;
              return (
                <rect key={one.model} class={colour(one.model)} x={index * BAR} y={top} width={BAR - 6} height={height}>
                  <title>{`${day}, ${one.model}: ${formatNumber(tokensOf(one))}`}</title>
                </rect>
              );
            });
        })}
      </svg>
      <p class="legend">
        {models.map((model) => (
          <span key={model}>
            <svg width="10" height="10" aria-hidden="true">
              <rect class={colour(model)} width="10" height="10" />
            </svg>
            {model}
          </span>
        ))}
      </p>
    </div>
  );
}

function Table({ usage }: { usage: DayOfUse[] }) {
  const money = { style: 'currency', currency: 'USD', maximumFractionDigits: 4 } as const;
  return (
    <div class="table" role="region" aria-label={t.usage} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {[t.day, t.model, t.requests, t.tokens, t.cost].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {usage.map((one) => (
            <tr key={one.day + one.model}>
              <td>{one.day}</td>
              <td>{one.model}</td>
              <td>{formatNumber(one.requests)}</td>
              <td>{formatNumber(tokensOf(one))}</td>
              <td>{one.costUsd === null ? '–' : formatNumber(one.costUsd, money)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Transactions() {
  const { value: first } = useLoaded<TransactionPage>('/api/credits/transactions?limit=20');
  const others = useSignal<TransactionPage[]>([]);
  const pages = first ? [first, ...others.value] : [];
  const next = pages.at(-1)?.next;
  const list = pages.flatMap(({ transactions }) => transactions);
  if (list.length === 0) return null;
  const more = async () => {
    try {
      const page = await requestJson<TransactionPage>('GET', `/api/credits/transactions?limit=20&before=${next}`);
      others.value = [...others.value, page];
    } catch (thrown) {
      notify((thrown as Error).message);
    }
  };
  return (
    <>
      <h3>{t.ledger}</h3>
      <div class="table" role="region" aria-label={t.ledger} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {[t.when, t.what, t.amount].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {list.map((one) => (
              <tr key={one.id}>
                <td>{formatDate(one.at)}</td>
                <td>{[t.kinds[one.kind] ?? one.kind, one.model, one.note].filter(Boolean).join(', ')}</td>
                <td>{formatNumber(one.amount, { signDisplay: 'exceptZero' })}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {next && (
        <p class="buttons">
          <button type="button" onClick={more}>
            {t.more}
          </button>
        </p>
      )}
    </>
  );
}
