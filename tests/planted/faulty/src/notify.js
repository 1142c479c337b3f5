// Tells the team of a new order.
const channel = "https://hooks.slack.com/services/@@slack-path@@";

export async function notify(order) {
  await fetch(channel, { method: "POST", body: JSON.stringify({ text: order.id }) });
}
