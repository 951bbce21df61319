import "./styles/components.css";
import "./styles/app.css";
import { mount } from "svelte";
import { connect } from "$lib/backend/backend";
import { app } from "$lib/state/app.svelte";
import { clock } from "$lib/state/clock.svelte";
import { listenToKeys } from "$lib/state/shortcuts";
import App from "./App.svelte";

const target = document.getElementById("app");
if (target) mount(App, { target });
clock.start();
listenToKeys();
await app.start(await connect());
