import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Sing } from "./Sing";

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><Sing token={() => localStorage.getItem("token") ?? ""} /></StrictMode>);
