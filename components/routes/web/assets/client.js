import{a,b,c}from"./chunk-LQRJOOJD.js";import"./chunk-IDWNOOEX.js";import"./chunk-SQE76S5B.js";export{c as attempt,b as errorOf,a as goldfish};
