// Lotse: where a visitor came from, and forms on this page. Kept in this browser for this site alone, handed over only when a form is sent.
(() => {
  const me = document.currentScript, base = new URL(".", me.src), store = "lotse_touches", n = navigator;
  const quiet = n.globalPrivacyControl || n.doNotTrack === "1" || window.doNotTrack === "1";
  let kept = {};
  try { if (quiet) localStorage.removeItem(store); else kept = JSON.parse(localStorage.getItem(store)) || {}; } catch {}
  if (!quiet) {
    const asked = new URLSearchParams(location.search), touch = {};
    for (const name of ["source", "medium", "campaign", "term", "content"]) {
      const value = [...(asked.get("utm_" + name) || "").trim().toLowerCase()].slice(0, 200).join("");
      if (value) touch[name] = value;
    }
    try {
      const from = new URL(document.referrer);
      if (from.host !== location.host) touch.referrer = (from.host + from.pathname).slice(0, 300);
    } catch {}
    if (Object.keys(touch).length) {
      touch.at = new Date().toISOString();
      kept = { first: kept.first || touch, latest: touch };
      try { localStorage.setItem(store, JSON.stringify(kept)); } catch {}
    }
  }
  const frames = {};
  const show = () => {
    for (const place of document.querySelectorAll("[data-lotse-form]:empty")) {
      const frame = document.createElement("iframe"), key = place.dataset.lotseForm;
      frame.src = new URL(encodeURIComponent(key) + "/frame/", base) + "#" + encodeURIComponent(JSON.stringify(kept));
      frame.title = place.dataset.title || "Form";
      frame.style.cssText = "width:100%;height:480px;border:0;display:block";
      place.append(frame);
      frames[key] = frame;
    }
  };
  addEventListener("message", (event) => {
    const frame = frames[event.data && event.data.lotse];
    if (frame && event.origin === base.origin && event.source === frame.contentWindow) frame.style.height = Math.min(5000, +event.data.height || 480) + "px";
  });
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", show); else show();
})();
