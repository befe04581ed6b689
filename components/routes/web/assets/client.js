import{a,b,c}from"./chunk-MZR56ONW.js";import"./chunk-3N4VMSSR.js";import"./chunk-SQE76S5B.js";export{c as attempt,b as errorOf,a as goldfish};
