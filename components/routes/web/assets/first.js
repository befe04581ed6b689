"use strict";(()=>{try{let t=localStorage.getItem("goldfish-theme");(t==="light"||t==="dark")&&(document.documentElement.dataset.theme=t)}catch{}})();
