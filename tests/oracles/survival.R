# Values of R's own survival analysis, against which the tests hold lib.survival.
#
#   Rscript tests/oracles/survival.R tests/oracles/survival_input.csv OUTPUT.csv
#
# Input, one row a patient: dataset, patient, months, event (0/1), entry, group (0/1), x, kind (censored, progression,
# death); a column a data set does not use is blank. Output: dataset, quantity, value (15 significant digits).

suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
})
options(warn = 1)
arguments <- commandArgs(trailingOnly = TRUE)
input <- read.csv(arguments[1], stringsAsFactors = FALSE)
lines <- character()
dataset <- ""

put <- function(quantity, value) {
  shown <- ifelse(is.na(value), "NA", sprintf("%.15g", as.numeric(value)))
  lines <<- c(lines, paste(dataset, quantity, shown, sep = ","))
}

# What print(survfit) shows. quantile(survfit) differs where the band is not monotone (aml, "log": upper limit 48 against
# the printed 45) and where a curve ends at exactly 0.5 (half_then_censored: 3 against the printed 2).
put_median <- function(name, fit) {
  put(paste0(name, c("", ".lower", ".upper")), summary(fit)$table[c("median", "0.95LCL", "0.95UCL")])
}

put_curve <- function(d) {
  for (type in c("log", "log-log", "plain")) {
    put_median(paste0("median.", type), survfit(Surv(months, event) ~ 1, d, conf.type = type))
    s <- summary(survfit(Surv(months, event) ~ 1, d, conf.type = type), times = c(3, 6, 12), extend = TRUE)
    put(paste0("survival.", c(3, 6, 12)), s$surv)
    put(paste0("survival.", c(3, 6, 12), ".", type, ".lower"), s$lower)
    put(paste0("survival.", c(3, 6, 12), ".", type, ".upper"), s$upper)
  }
  s <- summary(survfit(Surv(months, event) ~ 1, d), times = c(0, 3, 6, 12), extend = TRUE)
  put(paste0("at_risk.", c(0, 3, 6, 12)), s$n.risk)
  longest <- summary(survfit(Surv(months, event) ~ 1, d), rmean = max(d$months))$table
  put("mean", longest["rmean"])
  put("mean.se", longest["se(rmean)"])
  put_median("follow_up", survfit(Surv(months, 1 - event) ~ 1, d, conf.type = "log-log"))
}

# Gehan-Breslow and Tarone-Ware have no function in R's survival: Collett, section 2.6, in base R.
weighted_test <- function(d, weight_of) {
  u <- v <- 0
  for (t in sort(unique(d$months[d$event == 1]))) {
    n <- sum(d$months >= t)
    n1 <- sum(d$months >= t & d$group == 1)
    dead <- sum(d$months == t & d$event == 1)
    dead1 <- sum(d$months == t & d$event == 1 & d$group == 1)
    w <- weight_of(n)
    u <- u + w * (dead1 - dead * n1 / n)
    if (n > 1) v <- v + w^2 * dead * n1 * (n - n1) * (n - dead) / (n^2 * (n - 1))
  }
  u^2 / v
}

put_cox <- function(name, response, x, ties) {
  fit <- coxph(response ~ x, ties = ties, control = coxph.control(eps = 1e-11, iter.max = 100))
  statistics <- c(fit$coefficients^2 / fit$var[1, 1], fit$score, 2 * diff(fit$loglik))  # Wald, score, likelihood ratio
  put(paste(name, ties, c("coef", "se", "wald_p", "score_p", "lr_p"), sep = "."),
      c(fit$coefficients, sqrt(fit$var[1, 1]), pchisq(statistics, 1, lower.tail = FALSE)))
  invisible(fit)
}

# Firth's penalised likelihood (Heinze and Schemper 2001) by direct maximisation: loglik + log(information) / 2.
penalised <- function(beta, d) {
  loglik <- information <- 0
  for (t in unique(d$months[d$event == 1])) {
    at_risk <- d$months >= t
    dying <- d$months == t & d$event == 1
    w <- exp(d$x[at_risk] * beta)
    mean <- sum(w * d$x[at_risk]) / sum(w)
    information <- information + sum(dying) * (sum(w * d$x[at_risk]^2) / sum(w) - mean^2)
    loglik <- loglik + beta * sum(d$x[dying]) - sum(dying) * log(sum(w))
  }
  loglik + log(information) / 2
}

put_firth <- function(d, conf_level = 0.95) {
  scale <- sd(d$x)
  d$x <- (d$x - mean(d$x)) / scale
  best <- optimize(penalised, c(-20, 20), d = d, maximum = TRUE, tol = 1e-12)
  drop <- function(beta) 2 * (best$objective - penalised(beta, d)) - qchisq(conf_level, 1)
  put("firth.coef", best$maximum / scale)
  put("firth.lower", uniroot(drop, c(-40, best$maximum), tol = 1e-12)$root / scale)
  put("firth.upper", uniroot(drop, c(best$maximum, 40), tol = 1e-12)$root / scale)
  put("firth.p", pchisq(2 * (best$objective - penalised(0, d)), 1, lower.tail = FALSE))
}

put_groups <- function(d) {
  test <- survdiff(Surv(months, event) ~ group, d)
  put("logrank.chisq", test$chisq)
  put("logrank.p", pchisq(test$chisq, 1, lower.tail = FALSE))
  put("wilcoxon.chisq", weighted_test(d, identity))
  put("tarone_ware.chisq", weighted_test(d, sqrt))
  for (g in 0:1) put_curve_of_group(d[d$group == g, ], g)
  horizon <- min(tapply(d$months, d$group, max))
  table <- summary(survfit(Surv(months, event) ~ group, d), rmean = horizon)$table
  put("rmst.to", horizon)
  put("rmst.difference", table[2, "rmean"] - table[1, "rmean"])
  put("rmst.difference.se", sqrt(sum(table[, "se(rmean)"]^2)))
}

put_curve_of_group <- function(d, g) {
  for (type in c("log", "log-log", "plain")) {
    put_median(paste0("group", g, ".median.", type), survfit(Surv(months, event) ~ 1, d, conf.type = type))
  }
}

put_assumptions <- function(fit, d) {
  put("zph.p", cox.zph(fit, transform = "km")$table[1, "p"])
  scaled <- residuals(fit, "scaledsch")
  put(paste0("schoenfeld.", seq_along(scaled)), scaled)
  put(paste0("dfbeta.", d$patient), residuals(fit, "dfbeta"))
  null <- coxph(Surv(months, event) ~ 1, d, ties = "breslow")
  put(paste0("martingale.", d$patient), residuals(null, "martingale"))
  quadratic <- coxph(Surv(months, event) ~ x + I(x^2), d, ties = "breslow", control = coxph.control(eps = 1e-11, iter.max = 100))
  put("curvature.lr", 2 * (quadratic$loglik[2] - fit$loglik[2]))
}

put_delayed <- function(d) {
  response <- Surv(d$entry, d$months, d$event)
  curve <- survfit(response ~ 1, conf.type = "log-log")
  put(paste0("delayed.survival.", c(6, 12)), summary(curve, times = c(6, 12), extend = TRUE)$surv)
  # between event times summary() shows the number at risk of the next one, so only event times are compared
  deaths <- curve$n.event > 0
  put(paste0("delayed.at_risk.", seq_len(sum(deaths))), curve$n.risk[deaths])
  put_median("delayed.from_6.median", survfit(response ~ 1, conf.type = "log-log", start.time = 6))
  if (!any(is.na(d$group))) for (ties in c("breslow", "efron", "exact")) put_cox("delayed.cox_group", response, d$group, ties)
  put_cox("delayed.entry", response, d$entry, "breslow")
}

# A status that is known from 3 months on (group = 1), as a time-dependent covariate.
put_time_dependent <- function(d) {
  d$status_month <- ifelse(d$group == 1 & d$months > 3, 3, NA)
  split <- tmerge(d, d, id = patient, death = event(months, event), status = tdc(status_month))
  put_cox("time_dependent", Surv(split$tstart, split$tstop, split$death), split$status, "breslow")
  later <- d[d$months > 3, ]
  put("landmark.p", pchisq(survdiff(Surv(months - 3, event) ~ group, later)$chisq, 1, lower.tail = FALSE))
}

put_competing <- function(d) {
  cause <- match(d$kind, c("progression", "death"), nomatch = 0)
  fit <- timepoints(cuminc(d$months, cause), c(3, 6, 12))
  put(paste0("cif.progression.", c(3, 6, 12)), fit$est[1, ])
  put(paste0("cif.death.", c(3, 6, 12)), fit$est[2, ])
  tests <- cuminc(d$months, cause, d$group)$Tests
  put(c("gray.progression.chisq", "gray.death.chisq"), tests[, "stat"])
}

# Every arrangement of the labels, counted one by one (small data sets only).
put_permutation <- function(d) {
  null <- coxph(Surv(months, event) ~ 1, d, ties = "breslow")
  scores <- residuals(null, "martingale")
  sums <- combn(length(scores), sum(d$group), function(members) sum(scores[members]))
  put("permutation.p", mean(abs(sums) >= abs(sum(scores[d$group == 1])) - 1e-9))
  put("permutation.arrangements", length(sums))
}

for (dataset in unique(input$dataset)) {
  d <- input[input$dataset == dataset, ]
  has <- function(column) !any(is.na(d[[column]])) && all(d[[column]] != "")
  put("n", nrow(d))
  put_curve(d)
  if (has("group")) {
    put_groups(d)
    for (ties in c("breslow", "efron", "exact")) put_cox("cox_group", Surv(d$months, d$event), d$group, ties)
    put_time_dependent(d)
    if (nrow(d) <= 20) put_permutation(d)
  }
  if (has("x")) {
    for (ties in c("breslow", "efron", "exact")) fit <- put_cox("cox_x", Surv(d$months, d$event), d$x, ties)
    put_assumptions(put_cox("cox_x", Surv(d$months, d$event), d$x, "breslow"), d)
    put_firth(d)
  }
  if (has("entry")) put_delayed(d)
  if (has("kind")) put_competing(d)
}
lines <- unique(c(paste("R", "survival.version.major", strsplit(as.character(packageVersion("survival")), "\\.")[[1]][1], sep = ","), lines))
writeLines(c("dataset,quantity,value", lines), arguments[2])
