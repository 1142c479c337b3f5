// Tells the team of a new order.
const channel = process.env.SLACK_WEBHOOK_URL; // https://hooks.slack.com/services/...

export async function notify(order) {
  await fetch(channel, { method: "POST", body: JSON.stringify({ text: order.id }) });
}
