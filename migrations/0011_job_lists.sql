-- A job's result may have several lists of rows: of a replay the customers whose points change, and those whose owner
-- does. (schema.sql shows the whole.)

-- list: which of them a row is of, as it is called in the API.
ALTER TABLE job_row ADD COLUMN list text;
UPDATE job_row SET list = CASE job.kind WHEN 'import' THEN 'rejected' ELSE 'customers' END
FROM job WHERE job.id = job_row.job;
ALTER TABLE job_row
    ALTER COLUMN list SET NOT NULL,
    DROP CONSTRAINT job_row_pkey,
    ADD PRIMARY KEY (job, list, number);
