"use strict";
// Draws each `.chart` from the numbers that came with the page; asks again with a key where one is needed.

const COLOURS = ["#2f6fde", "#d9822b", "#2a9d6f", "#b84fae", "#8a8a8a"];

function draw(place) {
  const numbers = JSON.parse(document.getElementById(place.dataset.numbers).textContent);
  const ink = getComputedStyle(document.body).color;
  const axis = { stroke: ink, grid: { stroke: "#8883", width: 1 }, ticks: { stroke: "#8883" } };
  const whole = (_, values) => values.map((v) => (v === null || v % 1 ? "" : v.toLocaleString("en")));
  const chart = new uPlot({
    width: place.clientWidth,
    height: place.clientHeight - 40,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
    scales: { y: { range: (_, min, max) => [0, Math.max(1, max * 1.08)] } },
    axes: [{ ...axis, values: (_, times) => times.map((t) => new Date(t * 1000).toISOString().slice(5, 10)) }, { ...axis, size: 60, values: whole }],
    series: [
      { value: "{YYYY}-{MM}-{DD}" },
      ...numbers.names.map((label, i) => ({ label, stroke: COLOURS[i % COLOURS.length], width: 2, points: { show: numbers.time.length < 2 } })),
    ],
  }, [numbers.time, ...numbers.values], place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: place.clientHeight - 40 })).observe(place);
}

async function show(url, key) {
  const answer = await fetch(url, { headers: { "X-App-Key": key, Accept: "text/html" } });
  if (answer.status === 401 || answer.status === 403) sessionStorage.removeItem("key");
  else sessionStorage.setItem("key", key);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["main", "footer", "header"]) document.querySelector(part).replaceWith(page.querySelector(part));
  history.replaceState(null, "", url);
  begin();
}

function begin() {
  document.querySelectorAll(".chart").forEach(draw);
  const form = document.getElementById("key");
  const known = sessionStorage.getItem("key");
  if (form && known) return void show(location.href, known);
  if (form) form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(location.href, new FormData(form).get("key"));
  });
  if (known) document.getElementById("time").addEventListener("submit", (event) => {
    event.preventDefault();
    show("/analytics?" + new URLSearchParams(new FormData(event.target)), known);
  });
}

begin();
