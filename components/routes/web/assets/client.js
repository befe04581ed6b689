import{a,b,c}from"./chunk-GNC75SPW.js";import"./chunk-NZITUOEU.js";import"./chunk-SQE76S5B.js";export{c as attempt,b as errorOf,a as goldfish};
