// A frame is as high as what plays in it, where the browser lets us ask (not from file://).
"use strict";
for (const frame of document.querySelectorAll("figure.play iframe")) {
  const fit = () => {
    try {
      const height = frame.contentDocument.documentElement.scrollHeight;
      if (height > 100) frame.style.height = height + "px";
    } catch { /* from file:// each page is a world of its own */ }
  };
  frame.addEventListener("load", fit);
  window.addEventListener("resize", fit);
}
