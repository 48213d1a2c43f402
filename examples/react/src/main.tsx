import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { configure } from "orak-client";
import { Sing } from "./Sing";

configure({ token: () => localStorage.getItem("token") ?? "" });
const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><Sing /></StrictMode>);
